"""One trial in its own process: data, model, training, evaluation, and the files it writes."""
