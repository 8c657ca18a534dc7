"""The cocotb sides of benches: streams, the serial line, the whole accelerator."""

#: A bench's parameters travel in this environment variable, as JSON; ``stream_bench.given()`` reads them.
GIVEN = "SPIKEWRIGHT_GIVEN"
