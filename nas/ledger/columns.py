"""The columns of the ledger's DataFrames, in order, and the construction of frames from rows.

Kinds: `int?` is an integer that may be missing, `time` a UTC timestamp, `any` plain JSON data.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

TEXT = pd.Series(["text"]).dtype
"""pandas' dtype for text: `object` before pandas 3, `str` since."""

_DTYPES: dict[str, Any] = {
    "text": TEXT,
    "int": "int64",
    "int?": "Int64",
    "float": "float64",
    "bool": "bool",
    "any": "object",
}


CAMPAIGNS = {
    "campaign": "text",
    "state": "text",
    "space": "text",
    "dataset": "text",
    "sampler": "text",
    "seed": "int?",
    "budget_seconds": "float",
    "trials": "int?",
    "worked_seconds": "float",
    "created_at": "time",
    "heartbeat_at": "time",
}
CANDIDATES = {
    "candidate": "int",
    "campaign": "text",
    "key": "text",
    "base_key": "text",
    "role": "text",
    "number": "int",
    "phase": "int",
    "replicate": "int",
    "families": "text",
    "members": "text",
    "template": "text",
    "dataset": "text",
    "image_size": "int",
    "planned_epochs": "int",
    "outcome": "text",
    "val_acc": "float",
    "params": "int?",
    "macs": "int?",
    "active_macs": "int?",
    "memory_bytes": "int?",
    "attempts": "int",
    "deaths": "int",
    "drawn_at": "time",
    "finished_at": "time",
    "final_attempt": "int?",
}
ATTEMPTS = {
    "attempt": "int",
    "candidate": "int",
    "campaign": "text",
    "key": "text",
    "base_key": "text",
    "role": "text",
    "number": "int",
    "phase": "int",
    "replicate": "int",
    "families": "text",
    "members": "text",
    "attempt_number": "int",
    "final": "bool",
    "outcome": "text",
    "stage": "text",
    "message": "text",
    "epochs": "int",
    "planned_epochs": "int",
    "val_acc": "float",
    "val_loss": "float",
    "test_acc": "float",
    "uniform_val_acc": "float",
    "uniform_test_acc": "float",
    "oracle_val_acc": "float",
    "oracle_test_acc": "float",
    "val_images": "int?",
    "test_images": "int?",
    "seconds": "float",
    "peak_memory_bytes": "int",
    "params": "int?",
    "macs": "int?",
    "active_macs": "int?",
    "memory_bytes": "int?",
    "rung": "int?",
    "dataset": "text",
    "image_size": "int",
    "device": "text",
    "memory_fraction": "float",
    "micro_batches": "int",
    "environment": "int",
    "resumed_from": "int?",
    "folder": "text",
    "weights": "text",
    "started_at": "time",
    "ended_at": "time",
}
EPOCHS = {
    "attempt": "int",
    "candidate": "int",
    "campaign": "text",
    "key": "text",
    "role": "text",
    "families": "text",
    "epoch": "int",
    "train_loss": "float",
    "balance_loss": "float",
    "train_acc": "float",
    "val_loss": "float",
    "val_acc": "float",
    "lr": "float",
    "gate_lr": "float",
    "temperature": "float",
    "gate_entropy": "float",
    "usage": "any",
    "images_per_second": "float",
    "seconds": "float",
    "peak_memory_bytes": "int",
}
METRICS = {
    "attempt": "int",
    "candidate": "int",
    "campaign": "text",
    "key": "text",
    "role": "text",
    "families": "text",
    "epoch": "int",
    "split": "text",
    "layer": "text",
    "metric": "text",
    "expert": "int?",
    "value": "float",
}
TRAINING_EVENTS = {
    "attempt": "int",
    "candidate": "int",
    "campaign": "text",
    "key": "text",
    "role": "text",
    "families": "text",
    "epoch": "int",
    "step": "int",
    "kind": "text",
    "reason": "text",
    "data": "any",
}
DIAGNOSTICS = {
    "attempt": "int",
    "candidate": "int",
    "campaign": "text",
    "key": "text",
    "role": "text",
    "families": "text",
    "instrument": "text",
    "made_at": "time",
    "seconds": "float",
    "device": "text",
    "environment": "int",
    "reason": "text",
    "metric": "text",
    "position": "int?",
    "value": "float",
}
EXPERTS = {
    "attempt": "int",
    "candidate": "int",
    "campaign": "text",
    "key": "text",
    "role": "text",
    "families": "text",
    "final": "bool",
    "position": "int",
    "family": "text",
    "model": "text",
    "val_acc": "float",
    "test_acc": "float",
    "usage": "float",
}
PROBES = {
    "model": "text",
    "args": "text",
    "ok": "bool",
    "problem": "text",
    "image_size": "int",
    "channels": "int",
    "num_classes": "int",
    "torch": "text",
    "timm": "text",
    "device": "text",
    "precision": "text",
    "memory_format": "text",
    "params": "int",
    "buffers_bytes": "int",
    "macs": "int",
    "saved_bytes": "int",
    "seconds": "float",
    "batch": "int",
    "probed_at": "time",
}
EVENTS = {"campaign": "text", "at": "time", "kind": "text", "family": "text", "data": "any"}


def frame(rows: Iterable[Sequence[Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """A DataFrame of rows in the columns' order, with the columns' dtypes; rows may be empty."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pd.DataFrame(
        {
            name: _series(column, kind)
            for (name, kind), column in zip(columns.items(), values, strict=True)
        }
    )


def _series(values: Sequence[Any], kind: str) -> Any:
    if kind != "time":
        return pd.Series(values, dtype=_DTYPES[kind])
    since_1970 = pd.Series(values, dtype="float64")
    return pd.to_datetime(since_1970, unit="s", utc=True).astype("datetime64[us, UTC]")
