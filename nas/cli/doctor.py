"""`nas doctor`: checks the installation, the devices and the ledger."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from nas.cli import options
from nas.cli.console import console
from nas.cli.output import form_of, print_facts, print_records
from nas.schema import ProblemError, UsageError


def doctor(
    context: typer.Context,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="First upgrade a ledger of an older version.")
    ] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Check the installation, every device and every row of the ledger.

    A device is checked by a small computation. Each bad row is listed with what is wrong.

    Example: `nas doctor --db runs.db`
    """
    from nas.ledger.address import absent, database_url

    chosen = form_of(form, as_json)
    from nas.hardware import gpus_available, versions
    from nas.hardware.device_check import check_devices, driver_version

    typed = context.get_parameter_source("db")
    explicit = migrate or (typed is not None and typed.name == "COMMANDLINE")
    if explicit and _none_at(db):
        raise absent(database_url(db))
    devices = list(check_devices(len(gpus_available())))
    found: dict[str, Any] = {
        **versions(),
        "driver": driver_version(),
        "devices": devices,
        **_ledger(db, migrate),
    }
    if chosen == "json":
        print_facts(chosen, found, shown=[])
    else:
        words = {**found, "devices": [_device(device) for device in devices]}
        for name, value in words.items():
            words[name] = value if isinstance(value, list) else [value or "missing"]
        if chosen == "table":
            for name, lines in words.items():
                text = f"\n{'':13}".join(lines)
                console.print(Text.assemble((f"{name:<12}", "bold"), f" {text}"), soft_wrap=True)
        else:
            rows = [
                {"what": name, "found": line} for name, lines in words.items() for line in lines
            ]
            print_records(chosen, rows)
    if "faults" in found or any(device["problem"] for device in devices):
        raise typer.Exit(1)


def _device(found: dict[str, Any]) -> str:
    """One line about a device."""
    parts = [found["device"]]
    if "name" in found:
        parts.append(f"{found['name']}, capability {found['capability']}")
    if "total_bytes" in found:
        free, total = found["free_bytes"] / 2**30, found["total_bytes"] / 2**30
        parts.append(f"{free:.1f} of {total:.1f} GiB free")
    if found["problem"]:
        parts.append(f"does not compute: {found['problem']}")
    elif "taken" in found:
        parts.append(f"is in use by other programs: {found['taken']}")
    else:
        parts.append("computes")
    return ", ".join(parts)


def _none_at(db: str) -> bool:
    from nas.ledger.address import is_url

    return not is_url(db) and not Path(db).exists()


def _ledger(db: str, migrate: bool) -> dict[str, Any]:
    """`ledger`: its state in words; `faults`: every bad row, if there are any."""
    from nas.ledger import Ledger

    if _none_at(db):
        return {"ledger": f"none at {db}"}
    try:
        ledger = Ledger(db, read_only=not migrate, create=False)
        problems = ledger.check()
    except UsageError:  # the name is not that of a ledger
        raise
    except ProblemError as error:
        return {"ledger": "unsound", "faults": [str(error)]}
    if problems:
        return {"ledger": f"unsound: {ledger.place}", "faults": problems}
    count = len(ledger.campaign_names())
    return {"ledger": f"sound: {ledger.place}, {count} campaign{'' if count == 1 else 's'}"}


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(doctor)
