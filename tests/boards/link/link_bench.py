"""cocotb bench of a linked accelerator: only its two pins are driven (test_link.py)."""

import cocotb
from cocotb.triggers import Timer

from spikewright.boards.link.frame import ErrorCode, Reply, Request, info_payload
from spikewright.boards.link.host import Decoder, encode
from spikewright.sim.benches.serial_bench import SerialPort
from spikewright.sim.benches.stream_bench import PERIOD, given, seeded, start

TAG = 0x71


def one_frame(image, tag=TAG):
    """An image in one part."""
    return part(0, image, tag)


def part(number, data, tag=TAG):
    return encode(Request.IMAGE, bytes([tag]) + number.to_bytes(3, "little") + data)


def info_frame(tag=TAG):
    return encode(Request.INFO, bytes([tag]))


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

    async def expect(self, kind, payload, bits=600, tag=TAG):
        payload = bytes([tag]) + payload
        frame = await self.port.read(len(payload) + 6, bits=bits)
        assert list(Decoder().feed(frame)) == [(kind, payload)], f"expected {kind!r} {payload.hex()}, got {frame.hex()}"

    async def expect_error(self, code, bits=600, tag=TAG):
        await self.expect(Reply.ERROR, bytes([code]), bits, tag)

    async def expect_info(self, tag=TAG):
        await self.expect(Reply.INFO, info_payload(given()["build_id"], self.size, 3), tag=tag)

    async def expect_silence(self, bits=400):
        await Timer(bits * self.port.bit_ps, unit="ps")
        assert not self.port.received, self.port.received.hex()

    def image(self):
        return self.rng.randbytes(self.size)

    async def expect_result(self, image, bits=600, tag=TAG):
        parity = 0
        for byte in image:
            parity ^= byte
        words = [sum(image), parity, self.images]
        self.images += 1
        await self.expect(Reply.RESULT, b"".join(word.to_bytes(4, "little") for word in words), bits, tag)

    async def check_alive(self):
        """After every fault: the next image is answered with its own result."""
        image, tag = self.image(), self.rng.getrandbits(8)
        await self.send(one_frame(image, tag))
        await self.expect_result(image, tag=tag)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def good_frames(dut):
    bench = await Bench(dut).begin()
    for tag in (0, 255):
        await bench.send(info_frame(tag))
        await bench.expect_info(tag)
    for _ in range(3):
        await bench.check_alive()
    for pixel in (0x00, 0xFF, 0xA5, 0x5A):
        image = bytes([pixel] * bench.size)
        await bench.send(one_frame(image), gaps=0)
        await bench.expect_result(image)
    await bench.expect_silence()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def bad_crc_never_reaches_the_accelerator(dut):
    bench = await Bench(dut).begin()
    frame = one_frame(bench.image())
    for at in (5, len(frame) // 2, len(frame) - 2, len(frame) - 1):
        broken = bytearray(frame)
        broken[at] ^= 1 << bench.rng.randrange(8)
        await bench.send(bytes(broken))
        await bench.expect_error(ErrorCode.BAD_CRC)
    await bench.check_alive()  # the image number in the result shows that no image went in before


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def truncated_frames_time_out(dut):
    bench = await Bench(dut).begin()
    frame = one_frame(bench.image())
    await bench.send(info_frame())  # whose tag a frame has that breaks off before its own
    await bench.expect_info()
    for length in (1, 2, 3, 4, 5, len(frame) // 2, len(frame) - 1):
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
    header = bytes([TAG, 0, 0, 0])
    for size in (1, 0, 2, 3, 4, bench.size + 5, 300):  # without a payload the tag is the one before
        await bench.send(encode(Request.IMAGE, header[:size] + bench.rng.randbytes(max(0, size - 4))), gaps=1)
        await bench.expect_error(ErrorCode.BAD_LENGTH)
    for wrong in (b"", bytes([TAG, 0])):
        await bench.send(encode(Request.INFO, wrong))
        await bench.expect_error(ErrorCode.BAD_LENGTH)
    for kind in (0x00, 0x03, Reply.RESULT):
        await bench.send(encode(kind, bytes([TAG]) + bench.image()))
        await bench.expect_error(ErrorCode.UNKNOWN_TYPE)
    await bench.send(encode(0x77))
    await bench.expect_error(ErrorCode.UNKNOWN_TYPE)
    await bench.check_alive()


@cocotb.test(timeout_time=90, timeout_unit="ms")
async def images_in_parts(dut):
    """Parts of any length; one that is missing, doubled, out of order, broken or too long is an error, no score."""
    bench = await Bench(dut).begin()
    for _ in range(4):
        image = bench.image()
        cuts = sorted(bench.rng.sample(range(1, bench.size), bench.rng.randint(1, 4)))
        parts = [image[a:b] for a, b in zip([0, *cuts], [*cuts, bench.size], strict=True)]
        for number, data in enumerate(parts):
            await bench.send(part(number, data), gaps=1)
        await bench.expect_result(image)
    image, half = bench.image(), bench.size // 2
    first, second = part(0, image[:half]), part(1, image[half:])
    faults = [
        (part(1, image[:half]), ErrorCode.BAD_PART),  # part 0 is missing
        (first + part(2, image[half:]), ErrorCode.BAD_PART),
        (first + first, ErrorCode.BAD_PART),
        (part(1, image[half:]) + first, ErrorCode.BAD_PART),  # the second one begins an image
        (first + part(1, image[half:], TAG + 1), ErrorCode.BAD_PART),  # of another image
        (first + encode(0x77, bytes([TAG])), ErrorCode.UNKNOWN_TYPE),
        (first + info_frame(), None),
        (first, ErrorCode.TIME_OUT),  # the last part is missing
        (first + part(1, image[half:] + b"!"), ErrorCode.BAD_LENGTH),
        (first + second[:-1] + bytes([second[-1] ^ 1]), ErrorCode.BAD_CRC),
        (first + second[:-3], ErrorCode.TIME_OUT),
    ]
    for data, code in faults:
        await bench.send(data, gaps=1)
        tag = TAG + (data.endswith(part(1, image[half:], TAG + 1)))
        if code is None:  # drops what has begun
            await bench.expect_info()
        else:
            await bench.expect_error(code, bits=2000, tag=tag)
        if data.endswith(first) and code is ErrorCode.BAD_PART and not data.startswith(first):
            await bench.send(second, gaps=1)
            await bench.expect_result(image)
        elif data.startswith(first):  # nothing of the image is left
            await bench.send(second, gaps=1)
            await bench.expect_error(ErrorCode.BAD_PART)
        await bench.check_alive()
    for broken in (first, second):  # a magic byte that the line changed: the frame is noise
        await bench.send(bytes([broken[0] ^ 1]) + broken[1:], gaps=1)
        await bench.check_alive()
    other = bench.image()
    lost = part(1, other[half:], TAG + 1)
    await bench.send(first + bytes([second[0] ^ 1]) + second[1:], gaps=1)
    await bench.send(bytes([first[0] ^ 1]) + part(0, other[:half], TAG + 1)[1:] + lost, gaps=1)
    await bench.expect_error(ErrorCode.BAD_PART, bits=2000, tag=TAG + 1)
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
    await bench.send(b"\xa5\x01\xff\xff" + bytes([TAG]) + bench.image() + info_frame())
    await bench.expect_error(ErrorCode.TIME_OUT)
    await bench.check_alive()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def back_to_back_images(dut):
    bench = await Bench(dut).begin()
    images = [bench.image() for _ in range(4)]
    cocotb.start_soon(bench.send(b"".join(one_frame(image) for image in images), gaps=0))
    for image in images:
        await bench.expect_result(image, bits=2000)
    await bench.expect_silence()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def random_noise_never_hangs_it(dut):
    bench = await Bench(dut).begin()
    for _ in range(4):
        frame = bytearray(one_frame(bench.image()))
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
    await bench.send(one_frame(first), gaps=0)
    await bench.send(one_frame(second), gaps=0)
    await bench.expect_error(ErrorCode.BUSY, bits=2000)
    await bench.send(info_frame(), gaps=0)  # answered while the accelerator works
    await bench.expect_info()
    await bench.expect_result(first, bits=20000)
    await bench.send(one_frame(second), gaps=0)
    await bench.expect_result(second, bits=20000)
