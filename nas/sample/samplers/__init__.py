"""Samplers, one a file, named like the file. See `nas.sample.base` for what each promises."""
