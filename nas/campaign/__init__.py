"""The loop that owns the order: propose → evaluate → record; budget, stop, resume."""
