"""Data sets, one per file and named like it. `nas.data.sources.base` is their contract."""
