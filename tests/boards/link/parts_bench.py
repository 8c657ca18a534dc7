"""cocotb bench of the link's parts on streams with random stalls (test_parts.py)."""

import cocotb
from cocotb.triggers import RisingEdge

from spikewright.boards.link.frame import BOARD_MAGIC, ErrorCode, Reply, Request, info_payload
from spikewright.boards.link.host import Decoder, encode, image_parts
from spikewright.sim.benches.stream_bench import StreamSink, StreamSource, given, seeded, start


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def sender(dut):
    rng, p = seeded(), given()
    await start(dut)
    requests = [Reply.ERROR | (code << 16) for code in ErrorCode] + [int(Reply.INFO)]
    requests = [request | (rng.getrandbits(8) << 8) for request in requests]
    rng.shuffle(requests)
    images = [[rng.getrandbits(32) for _ in range(p["words"])] for _ in range(4)]
    tags = [rng.getrandbits(8) for _ in images]
    words = [word | ((at == p["words"] - 1) << 32) for image in images for at, word in enumerate(image)]
    cocotb.start_soon(StreamSource(dut, "requests", rng=rng, stall=0.9).send(requests))
    cocotb.start_soon(StreamSource(dut, "tags", rng=rng).send(tags))
    cocotb.start_soon(StreamSource(dut, "results", rng=rng, stall=p["stall"]).send(words))
    info = info_payload(p["build_id"], p["image_bytes"], p["words"])
    replies = [(r & 0xFF, bytes([r >> 8 & 0xFF]) + (info if r & 0xFF == Reply.INFO else bytes([r >> 16])))
               for r in requests]  # fmt: skip
    results = [(int(Reply.RESULT), bytes([tag]) + b"".join(w.to_bytes(4, "little") for w in image))
               for tag, image in zip(tags, images, strict=True)]  # fmt: skip
    total = sum(len(encode(kind, payload)) for kind, payload in replies + results)
    sink = StreamSink(dut, "o", rng=rng, stall=p["stall"])
    frames = list(Decoder(BOARD_MAGIC).feed(bytes(await sink.receive(total))))
    assert [f for f in frames if f[0] != Reply.RESULT] == replies
    assert [f for f in frames if f[0] == Reply.RESULT] == results
    await sink.idle(20)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def buffer(dut):
    rng, p = seeded(), given()
    await start(dut)
    sink = StreamSink(dut, "pixels", rng=rng, stall=p["stall"])
    for _ in range(4):
        image = rng.randbytes(p["depth"])
        for address in rng.sample(range(p["depth"]), p["depth"]):
            dut.address.value, dut.data.value, dut.write.value = address, image[address], 1
            await RisingEdge(dut.clk)
        dut.write.value, dut.commit.value = 0, 1
        await RisingEdge(dut.clk)
        dut.commit.value = 0
        await RisingEdge(dut.clk)
        assert dut.busy.value == 1
        dut.address.value, dut.data.value, dut.write.value = 0, 0, 1  # writes while busy change nothing
        assert bytes(await sink.receive(p["depth"])) == image
        dut.write.value = 0
        await RisingEdge(dut.clk)
        assert dut.busy.value == 0
        await sink.idle(5)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def receiver(dut):
    """An image in parts; of several steps also one whose first part comes while the buffer is sending."""
    rng, size, steps = seeded(), given()["image_bytes"], given()["steps"]
    await start(dut)
    dut.busy.value = 0
    written, committed, replies = {}, [], []

    async def send(data):
        for byte in data:
            dut.i__payload.value, dut.i__valid.value = byte, 1
            for _ in range(2):
                await RisingEdge(dut.clk)
                dut.i__valid.value = 0
                if dut.write.value == 1:
                    written[int(dut.address.value)] = int(dut.data.value)
                if dut.commit.value == 1:
                    committed.append(int(dut.tag.value))
                if dut.replies__valid.value == 1:
                    replies.append(int(dut.replies__payload.value))
                dut.replies__ready.value = 1

    def frames(image, tag):
        return [encode(Request.IMAGE, bytes([tag]) + part) for part in image_parts(image, steps)]

    image = rng.randbytes(size)
    for frame in frames(image, 9):
        await send(frame)
    await send(bytes(4))
    assert bytes(written[at] for at in range(size)) == image
    assert (committed, replies, len(written)) == ([9], [], size)
    if steps == 1:
        return
    first, *others = frames(image, 10)
    written.clear()
    dut.busy.value = 1
    await send(first)
    dut.busy.value = 0  # too late for this image: its other parts have lost the first
    for frame in others:
        await send(frame)
    await send(bytes(4))
    errors = [ErrorCode.BUSY, *[ErrorCode.BAD_PART] * len(others)]
    assert replies == [int(Reply.ERROR) | 10 << 8 | code << 16 for code in errors]
    assert (committed, written) == ([9], {})
    for frame in frames(image, 11):
        await send(frame)
    await send(bytes(4))
    assert committed == [9, 11]
