"""Instruments, one a file, named like the file; see `nas.diagnose.instruments.base`."""
