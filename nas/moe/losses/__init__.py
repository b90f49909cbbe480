"""Auxiliary losses, one a file, named like the file. See `nas.moe.routing` for what each gets.

Each is of one layer. A network with several layers adds them up.
"""
