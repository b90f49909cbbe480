"""Examines trained models: one file in `instruments/` is one question to a model.

`examining.examine` answers it for a candidate's code and weights, in a process that may crash; this
room knows no ledger.
"""
