"""Networks of a run: building, loading, accounting, export to a package."""
