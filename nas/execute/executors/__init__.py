"""Executors, one a file, named like the file. See `nas.execute.base` for what each promises."""
