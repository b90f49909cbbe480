"""What the figures of instruments mean, one file an instrument, named like its file; see
`nas.diagnose.legends.base`. Commands that only read use it, so no file here imports torch."""
