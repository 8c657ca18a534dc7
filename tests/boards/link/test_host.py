"""The host driver against a board played in Python: framing, resynchronisation, every error told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.boards.link import host
from spikewright.boards.link.frame import BOARD_MAGIC, HOST_MAGIC, ErrorCode, Reply, Request, info_payload
from spikewright.boards.link.host import Decoder, Host, Info, LinkError, encode, image_parts, open_serial


class PlayedBoard:
    """A transport whose other end answers each frame from a script: with bytes, or by what makes them of the tag."""

    def __init__(self, *answers):
        self.answers, self.sent, self.pending = list(answers), [], b""

    def write(self, data):
        ((kind, payload),) = Decoder(HOST_MAGIC).feed(data)
        self.sent.append((kind, payload[1:]))
        said = self.answers.pop(0) if self.answers else b""
        self.pending += said if isinstance(said, bytes) else said(payload[:1])

    def read(self, size=1):
        data, self.pending = self.pending[:size], self.pending[size:]
        return data


def answer(kind, payload=b"", before=b"", older=0):
    """A reply with the tag of the frame, or of the request so many before it."""

    def made(tag):
        return before + encode(kind, bytes([(tag[0] - older) % 256]) + payload, magic=BOARD_MAGIC)

    return made


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
        answer(Reply.RESULT, bytes.fromhex("01000000 ffffffff"), before=b"noise"),
    )
    talk = Host(board)
    assert talk.info() == Info(2, 0xDEADBEEF, 256, 12)
    assert talk.run(b"\x05\x06") == [1, 0xFFFFFFFF]
    assert board.sent == [(Request.INFO, b""), (Request.IMAGE, b"\0\0\0\x05\x06")]


@pytest.mark.parametrize(("size", "steps", "parts"), [(5, 1, [5]), (6, 3, [2, 2, 2]), (140_000, 2, [65_531, 4469] * 2)])
def test_an_image_goes_in_parts(size, steps, parts):
    image = bytes(range(250)) * (size // 250 + 1)
    payloads = image_parts(image[:size], steps)
    assert [int.from_bytes(payload[:3], "little") for payload in payloads] == list(range(len(parts)))
    assert [len(payload) - 3 for payload in payloads] == parts
    assert b"".join(payload[3:] for payload in payloads) == image[:size]
    board = PlayedBoard(*[b""] * (len(parts) - 1), answer(Reply.RESULT, bytes(4)))
    assert Host(board).run(image[:size], steps) == [0]
    assert [payload for _, payload in board.sent] == payloads


def test_what_comes_late_is_not_taken_for_another_answer():
    """Three errors of one image and the result of another that was given up, then the right one."""
    bad = bytes([ErrorCode.BAD_PART])
    board = PlayedBoard(
        answer(Reply.ERROR, bytes([ErrorCode.BAD_CRC])), answer(Reply.ERROR, bad), answer(Reply.ERROR, bad),
        b"",
        lambda tag: answer(Reply.RESULT, bytes(4), older=1)(tag) + answer(Reply.RESULT, b"\x07\0\0\0")(tag),
        lambda tag: answer(Reply.INFO, info_payload(1, 2, 3), older=255)(tag),
    )  # fmt: skip
    talk = Host(board)
    with pytest.raises(LinkError, match="error BAD_CRC"):
        talk.run(bytes(6), steps=3)
    with pytest.raises(LinkError, match="no answer to IMAGE"):
        talk.run(b"lost")
    assert talk.run(b"good") == [7]
    with pytest.raises(LinkError, match="no answer to INFO"):
        talk.info()


def test_frames_that_do_not_fit_an_image():
    with pytest.raises(ValueError, match="an image of 7 bytes does not consist of 2 frames of one size"):
        image_parts(bytes(7), 2)


def test_faults_are_named():
    with pytest.raises(LinkError, match="answered IMAGE with error BAD_CRC") as caught:
        Host(PlayedBoard(answer(Reply.ERROR, b"\x01"))).run(b"x")
    assert caught.value.code is ErrorCode.BAD_CRC
    with pytest.raises(LinkError, match=r"error unknown \(63\)"):
        Host(PlayedBoard(answer(Reply.ERROR, b"\x63"))).run(b"x")
    with pytest.raises(LinkError, match="no answer to INFO"):
        Host(PlayedBoard()).info()
    with pytest.raises(LinkError, match="INFO has 2 bytes instead of 11"):
        Host(PlayedBoard(answer(Reply.INFO, b"\x02\x02"))).info()
    for other in (b"\x09" + bytes(10), b"\x09"):
        with pytest.raises(LinkError, match="the board speaks protocol 9, this host 2"):
            Host(PlayedBoard(answer(Reply.INFO, other))).info()
    with pytest.raises(ValueError, match="a payload has at most 65535 bytes, not 65536"):
        encode(1, bytes(65536))


def test_no_pyserial(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(host.importlib, "import_module", absent)
    with pytest.raises(LinkError, match="needs pyserial"):
        open_serial("/dev/null", 1_000_000)
