"""`nas doctor`: what is installed, which devices there are, whether the ledger is sound."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from nas.cli import options
from nas.cli.console import console, echo_json
from nas.spec import ProblemError


def doctor(
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring an older ledger up to date first.")
    ] = False,
    db: options.Db = "runs.db",
    as_json: options.Json = False,
) -> None:
    """Say what is installed, which devices are seen, and whether the ledger is sound.

    Example: `nas doctor --db runs.db`
    """
    from nas.execute import gpus_available, versions

    found: dict[str, Any] = {
        **versions(),
        "gpus": [f"{gpu.name}, {gpu.total_bytes / 2**30:.0f} GiB" for gpu in gpus_available()],
        "ledger": _ledger(db, migrate),
    }
    if as_json:
        echo_json(found)
    else:
        for name, value in found.items():
            shown = ", ".join(value) or "none" if isinstance(value, list) else value or "missing"
            console.print(Text.assemble((f"{name:<12}", "bold"), f" {shown}"))
    if found["ledger"].startswith("unsound"):
        raise typer.Exit(1)


def _ledger(db: str, migrate: bool) -> str:
    from nas.ledger import Ledger
    from nas.ledger.database import is_url

    if not is_url(db) and not Path(db).exists():
        return f"none at {db}"
    try:
        ledger = Ledger(db, read_only=not migrate)
        problems = ledger.check()
    except ProblemError as error:
        return f"unsound: {error}"
    if problems:
        return f"unsound: {'; '.join(problems)}"
    count = len(ledger.campaign_names())
    return f"sound: {ledger.place}, {count} campaign{'' if count == 1 else 's'}"


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(doctor)
