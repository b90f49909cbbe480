"""One trial in its process: its data, its model, training, measurements, what it leaves."""
