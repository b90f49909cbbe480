"""Metrics of routing, one a file, named like the file. See `nas.moe.routing` for what each gets.

Those of positional convolution experts (repository mirkzx04/Positional_Convolution_Experts) are
computed per layer; its tables show means over layers.
"""
