"""`nas show`: everything about one candidate, as plain data and for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nas.diagnose.explaining import explained
from nas.diagnose.legends.base import Figure
from nas.ledger import Ledger
from nas.ledger.diagnoses import latest_diagnoses
from nas.ledger.lookup import Found, find
from nas.report.cells import cell, header
from nas.report.findings import findings, value_text
from nas.schema import model_label, printed_name
from nas.schema.axes import RECIPE
from nas.schema.visible import visible

_BARS = "▁▂▃▄▅▆▇█"
_RESULT = ("val_acc", "val_loss", "test_acc", "params", "peak_memory_bytes", "rung")
_ATTEMPT = (
    *("id", "number", "outcome", "stage", "message", "detail", "epochs", "val_acc", "seconds"),
    *("device", "memory_fraction", "micro_batches", "resumed_from", "started_at", "ended_at"),
)
_EXPERT = (*("family", "model", "val_acc", "test_acc", "usage", "alone_val_acc", "alone_test_acc"),)
_HEADERS = {"usage": "gate weight %", "expert_shares": "images sent to each"}
"""Headers of columns whose names do not say enough."""
_EPOCH = (
    *("attempt_id", "epoch", "train_loss", "train_acc", "val_loss", "val_acc", "lr"),
    *("temperature", "gate_entropy", "usage", "images_per_second", "seconds"),
)

_EVENT = ("attempt_id", "epoch", "step", "kind", "reason", "data")
_METRICS = ("epoch", "split", "layer", "data")

_TEXT = frozenset(
    {
        *("", "family", "model", "outcome", "stage", "message", "instrument", "figure"),
        *("layer", "split", "kind", "reason", "expert_shares", "value"),
    }
)
"""Columns that are aligned at the left."""
_SHOWN_EPOCH = (
    "epoch",
    "train_loss",
    "train_acc",
    "val_loss",
    "val_acc",
    "gate_entropy",
    "seconds",
)
_SHOWN_ROUTING = (
    *("layer", "split", "spec_entropy", "entropy_norm", "imbalance"),
    *("drop_rate", "cap_ratio", "dead", "expert_shares"),
)
_SHOWN_FIGURE = ("instrument", "figure", "value")
_SHOWN_EVENT = ("epoch", "kind", "reason")
ORACLE = "oracle: any expert right"
"""As the instrument `oracle` calls it."""
MOST_EVENTS = 10
"""Events of a training that are shown; `nas show --json` has them all."""
_SHOWN_ATTEMPT = ("attempt", "outcome", "stage", "message", "seconds")


def details(ledger: Ledger, ident: str, campaign: str | None = None) -> dict[str, Any]:
    """A candidate as plain data: results, baselines, experts, metrics of its last epoch, events
    of training, diagnoses, attempts, epochs, code.

    `ident` is a key, the beginning of one, or a number. Accuracies are in [0, 1], durations in
    seconds, times in seconds since 1970-01-01 UTC; missing values are None. Raises ProblemError as
    `nas.ledger.lookup.find`.
    """
    found = find(ledger, ident, campaign)
    row, final = found.candidate, found.final
    spec = row.spec
    return {
        "key": row.key,
        "campaign": found.campaign.name,
        "role": row.role,
        "number": row.number,
        "replicate": spec.replicate,
        "families": "+".join(spec.families),
        "arm": spec.arm.name if spec.arm else None,
        "members": "+".join(pick.model for pick in spec.assignment.picks),
        "gate": spec.settings,
        "variant_recipe": _variant_recipe(found),
        "template": spec.template,
        "dataset": spec.task.dataset,
        "image_size": spec.image_size,
        "outcome": row.outcome,
        **{name: getattr(final, name, None) for name in _RESULT},
        "epochs_trained": final.epochs if final else 0,
        "seconds": sum(attempt.seconds for attempt in found.attempts),
        "macs": row.macs,
        "active_macs": row.active_macs,
        "memory_bytes": row.memory_bytes,
        "baselines": _baselines(found),
        "experts": _experts(found),
        "metrics": [{n: getattr(row, n) for n in _METRICS} for row in found.metrics],
        "events": [{n: getattr(e, n) for n in _EVENT} for e in found.events],
        "diagnoses": [asdict(d) for d in latest_diagnoses(ledger, final.id)] if final else [],
        "recipe": spec.training_recipe.model_dump(mode="json"),
        "attempts": [{n: getattr(a, n) for n in _ATTEMPT} for a in found.attempts],
        "epochs": [{n: getattr(e, n) for n in _EPOCH} for e in found.epochs],
        "environment": found.environment,
        "code": row.code,
    }


def _variant_recipe(found: Found) -> dict[str, Any]:
    """By dotted name, the recipe's fields that any variant of its arm sets, as it was trained."""
    spec, arms = found.candidate.spec, found.campaign.space.arms
    variants = arms.get(spec.arm.name, ()) if spec.arm else ()
    named = {name for variant in variants for name in variant.recipe}
    return {
        name: to_jsonable_python(value)
        for name, value in spec.recipe.dotted()
        if name in named or name.partition(".")[0] in named
    }


def _baselines(found: Found) -> dict[str, dict[str, float | None]]:
    """The baselines of a mixture. `alone` is its member with the best validation accuracy when
    trained alone."""
    final = found.final
    ended = [attempt for attempt in found.controls.values() if attempt.val_acc is not None]
    alone = max(ended, key=lambda attempt: attempt.val_acc or 0.0, default=None)
    return {
        name: {"val_acc": getattr(row, val, None), "test_acc": getattr(row, test, None)}
        for name, row, val, test in (
            ("alone", alone, "val_acc", "test_acc"),
            ("uniform", final, "uniform_val_acc", "uniform_test_acc"),
            ("oracle", final, "oracle_val_acc", "oracle_test_acc"),
        )
    }


def _experts(found: Found) -> list[dict[str, Any]]:
    inside = {expert.model: expert for expert in found.experts}
    drawn = [(expert.family, expert.member.model) for expert in found.candidate.spec.experts]
    rows = []
    for family, model in drawn or [(expert.family, expert.model) for expert in found.experts]:
        here, alone = inside.get(model), found.controls.get(model)
        rows.append(
            {
                "family": family,
                "model": model,
                **{name: getattr(here, name, None) for name in ("val_acc", "test_acc", "usage")},
                "alone_val_acc": getattr(alone, "val_acc", None),
                "alone_test_acc": getattr(alone, "test_acc", None),
            }
        )
    return rows


def shown(found: dict[str, Any], *, tracebacks: bool = False) -> RenderableType:
    """The result of `details` for a terminal, without the code and what is not known; with
    `tracebacks` those of failed attempts."""
    name = printed_name(found["role"], found["number"])
    label = model_label(found["families"], found["members"] if found["arm"] else None)
    head = Text.assemble(
        (f"{name} {label.replace('+', ' ') or found['template']}", "bold"),
        f"\n{found['key']}",
    )
    events = list(_events(found["events"]))
    diagnosed = [row for d in found["diagnoses"] for row in findings(d["instrument"], d["data"])]
    routing = [_of_layer(row) for row in found["metrics"] if row["layer"]]
    tables = (
        _rows("accuracy", _accuracies(found), ("", "val_acc", "test_acc")),
        _rows("expert" if _alone(found) else "inside the mixture", found["experts"], _EXPERT),
        _rows("routing in the last epoch", routing, _SHOWN_ROUTING, explain=True),
        _rows("events of training", events, _SHOWN_EVENT),
        _rows("diagnoses", diagnosed, _SHOWN_FIGURE),
        *(Text(f"no {d['instrument']}: {d['reason']}") for d in found["diagnoses"] if d["reason"]),
        _rows(f"epochs  {_sparkline(found['epochs'])}", found["epochs"], _SHOWN_EPOCH),
        _rows("attempts", _numbered(found["attempts"]), _SHOWN_ATTEMPT),
        *(_tracebacks(found) if tracebacks else ()),
    )
    return Group(head, _facts(found), *(table for table in tables if table is not None))


def _tracebacks(found: dict[str, Any]) -> Iterator[Text]:
    for attempt in found["attempts"]:
        if attempt["detail"]:
            yield Text(f"attempt {attempt['number']}\n{visible(attempt['detail'], lines=True)}")


def _macs(found: dict[str, Any]) -> str:
    executed, active = found["macs"], found["active_macs"]
    if executed is None:
        return ""
    without = active is not None and active != executed
    more = f", {cell('macs', active)} without unused places" if without else ""
    return cell("macs", executed) + more


def _facts(found: dict[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    chosen = found["gate"] | {f"{RECIPE}{n}": v for n, v in found["variant_recipe"].items()}
    gate = ", ".join(f"{name} {value}" for name, value in chosen.items())
    facts = {
        "campaign": found["campaign"],
        "outcome": found["outcome"] or "open",
        "gate" if found["experts"] and found["arm"] is None else "settings": gate,
        "data": f"{found['dataset']}, {found['image_size']} px",
        "params": cell("params", found["params"]) if found["params"] else "",
        "MACs": _macs(found),
        "memory": _memory(found),
        "time": cell("seconds", found["seconds"]) if found["seconds"] else "",
    }
    for name, value in facts.items():
        if value:
            grid.add_row(Text(name, style="dim"), value)
    return grid


def _memory(found: dict[str, Any]) -> str:
    what = {
        "memory_bytes": "per training step (estimate)",
        "peak_memory_bytes": "peak of the worker",
    }
    return "; ".join(f"{cell(n, found[n])} {text}" for n, text in what.items() if found[n])


def _alone(found: dict[str, Any]) -> bool:
    """Whether it is a bank's expert or a control: one network instead of a mixture."""
    return len(found["experts"]) == 1


def _accuracies(found: dict[str, Any]) -> Iterable[dict[str, Any]]:
    what = "this network" if _alone(found) else "mixture" if found["experts"] else "this model"
    yield {"": what, "val_acc": found["val_acc"], "test_acc": found["test_acc"]}
    if _alone(found):
        return
    names = {"alone": "best member alone", "uniform": "uniform average", "oracle": ORACLE}
    for baseline, name in names.items():
        values = found["baselines"][baseline]
        if values["val_acc"] is not None or (found["experts"] and found["arm"] is None):
            yield {"": name, **values}


def _rows(
    title: str, rows: Iterable[dict[str, Any]], columns: Sequence[str], *, explain: bool = False
) -> Table | None:
    """A table of rows without its empty columns; None where nothing stands beside the first. With
    `explain` its caption says what each metric of routing means."""
    rows = list(rows)
    label, *_ = columns
    columns = [name for name in columns if any(row[name] not in (None, "") for row in rows)]
    if not set(columns) - {label}:
        return None
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    if explain:
        table.caption, table.caption_justify = Text("\n".join(_meanings(columns))), "left"
    for name in columns:
        text = name in _TEXT
        table.add_column(
            _header(name),
            justify="left" if text else "right",
            overflow="fold",
            no_wrap=name in ("family", "model"),
            min_width=0 if text else max(len(cell(name, row[name])) for row in rows),
        )
    for row in rows:
        table.add_row(*(Text(cell(name, row[name])) for name in columns))
    return table


def _meanings(metrics: Iterable[str]) -> Iterator[str]:
    """What each metric of routing means, a line each; other columns have none."""
    for name in metrics:
        if meaning := _metric(name).meaning:
            yield f"{_header(name)}: {meaning}"


def _metric(name: str) -> Figure:
    """What a metric of routing means."""
    return explained("routing", f"val.layer.{name}")


def _header(name: str) -> str:
    return _HEADERS.get(name) or header(name)


def _numbered(attempts: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """A candidate's attempts, each with its number within the candidate instead of the ledger's."""
    return ({**attempt, "attempt": attempt["number"]} for attempt in attempts)


def _of_layer(metrics: dict[str, Any]) -> dict[str, Any]:
    """A row of a layer's metrics; None for those that have no meaning for it."""
    known = {"layer": metrics["layer"], "split": metrics["split"], **metrics["data"]}
    if shares := known.get("expert_shares"):
        known["expert_shares"] = value_text(_metric("expert_shares"), shares)
    return {name: known.get(name) for name in _SHOWN_ROUTING}


def _events(events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The first events of training, and how many more there are."""
    yield from events[:MOST_EVENTS]
    if (more := len(events) - MOST_EVENTS) > 0:
        yield {"epoch": None, "kind": f"… and {more} more", "reason": "nas show --json"}


def _sparkline(epochs: Sequence[dict[str, Any]]) -> str:
    """Validation accuracy per epoch as bars, scaled from its minimum to its maximum."""
    values = [epoch["val_acc"] for epoch in epochs]
    low, high = min(values, default=0.0), max(values, default=0.0)
    return "".join(_BARS[round(7 * (v - low) / (high - low)) if high > low else 3] for v in values)
