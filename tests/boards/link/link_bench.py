"""cocotb bench of a linked accelerator: only its two pins are driven (test_link.py)."""

import cocotb
from cocotb.triggers import Timer

from spikewright.boards.link.frame import ErrorCode, Reply, Request, info_payload
from spikewright.boards.link.host import Decoder, encode
from spikewright.sim.benches.serial_bench import SerialPort
from spikewright.sim.benches.stream_bench import PERIOD, given, seeded, start

ERROR_FRAME, RESULT_FRAME, INFO_FRAME = 7, 18, 15


class Bench:
    """The host's end: sends raw bytes, expects frames."""

    def __init__(self, dut):
        self.dut, self.rng, self.images, self.size = dut, seeded(), 0, given()["image_bytes"]
        self.port = SerialPort(dut, bit_ps=given()["divisor"] * PERIOD * 1000 + self.rng.randrange(-500, 500))

    async def begin(self):
        await start(self.dut)
        await Timer(2 * self.port.bit_ps, unit="ps")
        return self

    async def send(self, data, gaps=3.0):
        await self.port.send(data, rng=self.rng, longest_gap=gaps)

    async def expect(self, kind, payload, bits=600):
        frame = await self.port.read(len(payload) + 6, bits=bits)
        assert list(Decoder().feed(frame)) == [(kind, payload)], f"expected {kind!r} {payload.hex()}, got {frame.hex()}"

    async def expect_error(self, code, bits=600):
        await self.expect(Reply.ERROR, bytes([code]), bits)

    async def expect_silence(self, bits=400):
        await Timer(bits * self.port.bit_ps, unit="ps")
        assert not self.port.received, self.port.received.hex()

    def image(self):
        return self.rng.randbytes(self.size)

    async def expect_result(self, image, bits=600):
        parity = 0
        for byte in image:
            parity ^= byte
        words = [sum(image), parity, self.images]
        self.images += 1
        await self.expect(Reply.RESULT, b"".join(word.to_bytes(4, "little") for word in words), bits)

    async def check_alive(self):
        """After every fault: the next image is answered with its own result."""
        image = self.image()
        await self.send(encode(Request.IMAGE, image))
        await self.expect_result(image)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def good_frames(dut):
    bench = await Bench(dut).begin()
    await bench.send(encode(Request.INFO))
    await bench.expect(Reply.INFO, info_payload(given()["build_id"], bench.size, 3))
    for _ in range(3):
        await bench.check_alive()
    for pixel in (0x00, 0xFF, 0xA5, 0x5A):
        image = bytes([pixel] * bench.size)
        await bench.send(encode(Request.IMAGE, image), gaps=0)
        await bench.expect_result(image)
    await bench.expect_silence()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def bad_crc_never_reaches_the_accelerator(dut):
    bench = await Bench(dut).begin()
    frame = encode(Request.IMAGE, bench.image())
    for at in (4, len(frame) // 2, len(frame) - 2, len(frame) - 1):
        broken = bytearray(frame)
        broken[at] ^= 1 << bench.rng.randrange(8)
        await bench.send(bytes(broken))
        await bench.expect_error(ErrorCode.BAD_CRC)
    await bench.check_alive()  # the image number in the result shows that no image went in before


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def truncated_frames_time_out(dut):
    bench = await Bench(dut).begin()
    frame = encode(Request.IMAGE, bench.image())
    for length in (1, 2, 3, 4, len(frame) // 2, len(frame) - 1):
        await bench.send(frame[:length])
        await bench.expect_error(ErrorCode.TIME_OUT)
    await bench.check_alive()
    await bench.send(frame[:-1])
    await bench.port.hold(0, 20)  # a break in place of the last byte
    await bench.expect_error(ErrorCode.TIME_OUT)
    await bench.check_alive()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def wrong_length_and_unknown_type(dut):
    bench = await Bench(dut).begin()
    for size in (0, 1, bench.size - 1, bench.size + 1, 300):
        await bench.send(encode(Request.IMAGE, bench.rng.randbytes(size)), gaps=1)
        await bench.expect_error(ErrorCode.BAD_LENGTH)
    await bench.send(encode(Request.INFO, b"\x00"))
    await bench.expect_error(ErrorCode.BAD_LENGTH)
    for kind in (0x00, 0x03, Reply.RESULT):
        await bench.send(encode(kind, bench.image()))
        await bench.expect_error(ErrorCode.UNKNOWN_TYPE)
    await bench.send(encode(0x77))
    await bench.expect_error(ErrorCode.UNKNOWN_TYPE)
    await bench.check_alive()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def garbage_between_frames_is_skipped(dut):
    bench = await Bench(dut).begin()
    for _ in range(3):
        noise = bytes(b for b in bench.rng.randbytes(20) if b != 0xA5)
        await bench.send(noise)
        await bench.check_alive()
    await bench.expect_silence()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def a_lying_length_ends_in_a_time_out(dut):
    bench = await Bench(dut).begin()
    await bench.send(b"\xa5\x01\xff\xff" + bench.image() + encode(Request.INFO))
    await bench.expect_error(ErrorCode.TIME_OUT)
    await bench.check_alive()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def back_to_back_images(dut):
    bench = await Bench(dut).begin()
    images = [bench.image() for _ in range(4)]
    cocotb.start_soon(bench.send(b"".join(encode(Request.IMAGE, image) for image in images), gaps=0))
    for image in images:
        await bench.expect_result(image, bits=2000)
    await bench.expect_silence()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def random_noise_never_hangs_it(dut):
    bench = await Bench(dut).begin()
    for _ in range(4):
        frame = bytearray(encode(Request.IMAGE, bench.image()))
        for _ in range(bench.rng.randrange(1, 4)):
            frame[bench.rng.randrange(1, 4)] = bench.rng.getrandbits(8)
        await bench.send(bytes(frame[: bench.rng.randrange(1, len(frame))]))
        await Timer(60 * bench.port.bit_ps, unit="ps")
        await bench.send(encode(0x55))
        await Timer(400 * bench.port.bit_ps, unit="ps")
        frames = list(Decoder().feed(bytes(bench.port.received)))
        bench.port.received.clear()
        assert frames
        assert frames[-1][0] == Reply.ERROR
    await bench.check_alive()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def busy_when_the_accelerator_is_slow(dut):
    if not given()["delay"]:
        return
    bench = await Bench(dut).begin()
    first, second = bench.image(), bench.image()
    await bench.send(encode(Request.IMAGE, first), gaps=0)
    await bench.send(encode(Request.IMAGE, second), gaps=0)
    await bench.expect_error(ErrorCode.BUSY, bits=2000)
    await bench.send(encode(Request.INFO), gaps=0)  # answered while the accelerator works
    await bench.expect(Reply.INFO, info_payload(given()["build_id"], bench.size, 3))
    await bench.expect_result(first, bits=20000)
    await bench.send(encode(Request.IMAGE, second), gaps=0)
    await bench.expect_result(second, bits=20000)
