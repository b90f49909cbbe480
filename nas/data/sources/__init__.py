"""Data sets, one a file, named like the file. See `nas.data.sources.base` for their promises."""
