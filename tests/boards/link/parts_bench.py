"""cocotb bench of the link's parts on streams with random stalls (test_parts.py)."""

import cocotb
from cocotb.triggers import RisingEdge

from spikewright.boards.link.frame import BOARD_MAGIC, ErrorCode, Reply, info_payload
from spikewright.boards.link.host import Decoder, encode
from spikewright.sim.benches.stream_bench import StreamSink, StreamSource, given, seeded, start


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def sender(dut):
    rng, p = seeded(), given()
    await start(dut)
    requests = [Reply.ERROR | (code << 8) for code in ErrorCode] + [int(Reply.INFO)]
    rng.shuffle(requests)
    images = [[rng.getrandbits(32) for _ in range(p["words"])] for _ in range(4)]
    words = [word | ((at == p["words"] - 1) << 32) for image in images for at, word in enumerate(image)]
    cocotb.start_soon(StreamSource(dut, "requests", rng=rng, stall=0.9).send(requests))
    cocotb.start_soon(StreamSource(dut, "results", rng=rng, stall=p["stall"]).send(words))
    info = info_payload(p["build_id"], p["image_bytes"], p["words"])
    replies = [(r & 0xFF, info if r == Reply.INFO else bytes([r >> 8])) for r in requests]
    results = [(int(Reply.RESULT), b"".join(w.to_bytes(4, "little") for w in image)) for image in images]
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
