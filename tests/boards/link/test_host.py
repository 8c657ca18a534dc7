"""The host driver against a board played in Python: framing, resynchronisation, every error told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.boards.link import host
from spikewright.boards.link.frame import BOARD_MAGIC, HOST_MAGIC, ErrorCode, Reply, Request, info_payload
from spikewright.boards.link.host import Decoder, Host, Info, LinkError, encode, open_serial


class PlayedBoard:
    """A transport whose other end answers each request from a script."""

    def __init__(self, *answers):
        self.answers, self.sent, self.pending = list(answers), [], b""

    def write(self, data):
        self.sent += list(Decoder(HOST_MAGIC).feed(data))
        self.pending += self.answers.pop(0) if self.answers else b""

    def read(self, size=1):
        data, self.pending = self.pending[:size], self.pending[size:]
        return data


def answer(kind, payload=b""):
    return encode(kind, payload, magic=BOARD_MAGIC)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=5),
    st.binary(max_size=10).filter(lambda noise: HOST_MAGIC not in noise),
    st.integers(1, 7),
)
def test_frames_survive_noise_and_any_chunking(frames, noise, chunk):
    line = b"".join(noise + encode(kind, payload) for kind, payload in frames)
    decoder, got = Decoder(HOST_MAGIC), []
    for at in range(0, len(line), chunk):
        got += decoder.feed(line[at : at + chunk])
    assert got == frames


def test_a_broken_frame_does_not_take_the_next_one_along():
    broken = bytearray(encode(1, b"abc"))
    broken[5] ^= 1
    assert list(Decoder(HOST_MAGIC).feed(bytes(broken) + encode(2, b"def"))) == [(2, b"def")]


def test_info_and_run():
    board = PlayedBoard(
        answer(Reply.INFO, info_payload(0xDEADBEEF, 256, 12)),
        b"noise" + answer(Reply.RESULT, bytes.fromhex("01000000 ffffffff")),
    )
    talk = Host(board)
    assert talk.info() == Info(1, 0xDEADBEEF, 256, 12)
    assert talk.run(b"\x05\x06") == [1, 0xFFFFFFFF]
    assert board.sent == [(Request.INFO, b""), (Request.IMAGE, b"\x05\x06")]


def test_faults_are_named():
    with pytest.raises(LinkError, match="answered IMAGE with error BAD_CRC") as caught:
        Host(PlayedBoard(answer(Reply.ERROR, b"\x01"))).run(b"x")
    assert caught.value.code is ErrorCode.BAD_CRC
    with pytest.raises(LinkError, match=r"error unknown \(63\)"):
        Host(PlayedBoard(answer(Reply.ERROR, b"\x63"))).run(b"x")
    with pytest.raises(LinkError, match="no answer to INFO"):
        Host(PlayedBoard()).info()
    with pytest.raises(LinkError, match="INFO has 2 bytes instead of 9"):
        Host(PlayedBoard(answer(Reply.INFO, b"\x01\x02"))).info()
    with pytest.raises(LinkError, match="the board speaks protocol 9, this host 1"):
        Host(PlayedBoard(answer(Reply.INFO, b"\x09" + bytes(8)))).info()
    with pytest.raises(ValueError, match="a payload has at most 65535 bytes, not 65536"):
        encode(1, bytes(65536))


def test_no_pyserial(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(host.importlib, "import_module", absent)
    with pytest.raises(LinkError, match="needs pyserial"):
        open_serial("/dev/null", 1_000_000)
