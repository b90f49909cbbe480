"""Instruments, one a file, named like the file; see `nas.measure.instruments.base`."""
