"""Auxiliary losses, one a file, named like the file. See `nas.moe.routing` for what each gets."""
