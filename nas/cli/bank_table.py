"""The table that `nas bank` prints."""

from typing import TYPE_CHECKING, Any

from rich.console import JustifyMethod
from rich.table import Table

from nas.cli.output import Form, print_records
from nas.report.cells import cell, disk

if TYPE_CHECKING:
    from nas.campaign.bank import BankMember
    from nas.experts import Entry


def print_experts(experts: "list[BankMember]", found: "dict[str, Entry]", form: Form) -> None:
    """Prints the experts of a space, best validation accuracy first; `found`: the bank's entries by
    key."""
    rows: list[dict[str, Any]] = [
        {
            "family": expert.family,
            "model": expert.model,
            "key": expert.key,
            "in_bank": expert.key in found,
            **(_figures(found[expert.key]) if expert.key in found else {}),
        }
        for expert in experts
    ]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("family", "model", "val %", "test %", "params", "latency", "disk"):
        justify: JustifyMethod = "left" if column in ("family", "model") else "right"
        table.add_column(column, justify=justify, no_wrap=column == "model")
    for row in sorted(rows, key=lambda row: -row.get("val_acc", -1.0)):
        if not row["in_bank"]:
            table.add_row(row["family"], row["model"], "not there", "", "", "", "")
            continue
        table.add_row(
            *(row["family"], row["model"]),
            *(cell("val_acc", row["val_acc"]), cell("test_acc", row["test_acc"])),
            *(cell(name, row[name]) for name in ("params", "latency")),
            disk(row["bytes"]),
        )
    size = sum(entry.bytes for entry in found.values())
    summary = f"\n{len(found)} of {len(experts)} experts, {disk(size)}; latency: of one image."
    print_records(form, rows, shown=[table, summary])


def _figures(entry: "Entry") -> dict[str, Any]:
    return {
        "val_acc": entry.val_acc,
        "test_acc": entry.test_acc,
        "params": entry.params,
        "latency": entry.latency.get(1),
        "bytes": entry.bytes,
        "seconds": entry.seconds,
    }
