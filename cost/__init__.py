"""Leaf cost model of compress and compiler: work, ROM bits, cycles, widths of sums, energy.

Told: ``description`` (a network as shapes), ``workload`` (layers and copies in the engine's order), ``shape`` (the
engine). Exact, and what the compiler itself uses: ``cycles``, ``latency``, ``rom``, ``rows``, ``geometry``. Before
masks and placement are final: ``estimate``. Figures: ``storage``, ``energy``, ``widths``, ``formats``.
"""
