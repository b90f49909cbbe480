"""Instruments, one a file, named like the file. See `nas.measure.instruments.base`."""
