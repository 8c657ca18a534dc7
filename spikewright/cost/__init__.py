"""Leaf cost model of compress and compiler: work, ROM bits, cycles, widths of sums, energy.

Told: :mod:`.description` (a network as shapes), :mod:`.workload` (layers and copies in the engine's order),
:mod:`.shape` (the engine). Exact, and what the compiler itself uses: :mod:`.cycles`, :mod:`.latency`, :mod:`.rom`,
:mod:`.geometry`. Before masks and placement are final: :mod:`.estimate`. Figures: :mod:`.storage`, :mod:`.energy`,
:mod:`.widths`, :mod:`.formats`.
"""
