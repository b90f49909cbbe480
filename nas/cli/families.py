"""`nas families`: what each member of a space costs."""

from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from nas.cli import defaults, options
from nas.cli.output import form_of, print_records
from nas.cli.profiles import member_profiles
from nas.report.cells import cell
from nas.schema import MemberProfile


def families(
    space: options.SpaceName = None,
    dataset: options.Dataset = None,
    gpus: options.Gpus = None,
    data_root: options.DataRoot = Path("data"),
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Profile a space's members and show what each costs.

    Every member is built and trained for one step in a process of its own. Results are stored in
    the ledger if there is one.

    Example: `nas families moe4 --dataset cifar10`
    """
    from nas.space import load

    chosen_form = form_of(form, as_json)
    space = defaults.space_for(space, gpus)
    data_set = defaults.dataset_for(dataset, gpus, load(space))
    chosen, profiles = member_profiles(space, data_set, gpus or 0, data_root, db)
    records = [_plain(family, profiles[member.model]) for family, member in chosen.members]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("family", "member"):  # never truncate a name
        table.add_column(column, no_wrap=True, overflow="ignore")
    for column in ("params", "MACs", "mem/image", "s/step", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for record in records:
        figures = (
            cell("params", record["params"]),
            cell("macs", record["macs"]),
            cell("saved_bytes", record["saved_bytes_per_image"]),
            cell("", record["step_seconds"]),
        )
        table.add_row(
            *(str(record["family"]), str(record["member"]), *figures),
            Text("ok", "green") if record["ok"] else Text("fails", "red"),
        )
    failed = [
        f"{record['member']} fails: {record['problem']}" for record in records if not record["ok"]
    ]
    print_records(chosen_form, records, shown=[table, *failed])


def _plain(family: str, profile: MemberProfile) -> dict[str, Any]:
    """A member's profile as plain data; None for the measurements of a failed one."""
    figures = {
        "params": profile.params,
        "macs": profile.macs,
        "saved_bytes_per_image": profile.saved_bytes,
        "step_seconds": profile.seconds,
        "step_batch": profile.batch,
    }
    return {
        "family": family,
        "member": profile.member.model,
        "args": profile.member.args,
        "ok": profile.ok,
        **(figures if profile.ok else dict.fromkeys(figures)),
        "problem": profile.problem,
    }


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(families)
