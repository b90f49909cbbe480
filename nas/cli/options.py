"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import complete

Db = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="NAS_DB",
        help="The ledger: a path, or the SQLAlchemy URL of a PostgreSQL database.",
        show_default=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign",
        "-c",
        help="A campaign's name; the latest one if left out.",
        autocompletion=complete.campaigns,
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write here instead of to the screen.")
]
