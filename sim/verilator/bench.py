"""The bench of one Amaranth component: elaborated, built and run in one call, which is what component tests do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from amaranth.lib import wiring

from spikewright.hdl.elaborate import elaborate, port_names
from spikewright.sim.verilator.build import build, default_cache
from spikewright.sim.verilator.run import BenchRun


def bench(
    component: wiring.Component,
    test_module: str | Path,
    *,
    cwd: Path,
    name: str = "dut",
    build_dir: Path | None = None,
    sources: Sequence[Path] = (),
    given: Mapping[str, object] | None = None,
    testcase: str | Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    seed: int | None = None,
    waves: bool = False,
    waive: Sequence[str] = (),
    optimise: str = "-O1",
    timeout: float = 120.0,
) -> BenchRun:
    """Elaborates a component, builds its simulator and runs its cocotb bench; ToolError, BuildError or BenchError.

    component: what is tested; cwd: working folder of the run (pytest's tmp_path); build_dir: cache of builds, None is
    ``default_cache()``; sources: further Verilog that the component instantiates. The rest as in ``build`` and
    ``Built.run``.
    """
    cwd = cwd.resolve()
    source = elaborate(component, name, cwd)
    inputs, outputs = port_names(source.read_text(), name)
    cache = build_dir or default_cache()
    built = build(
        [source, *sources], name, cache, inputs=inputs, outputs=outputs, waves=waves, waive=waive, optimise=optimise
    )
    return built.run(
        test_module, testcase=testcase, env=env, given=given, seed=seed, cwd=cwd, waves=waves, timeout=timeout
    )
