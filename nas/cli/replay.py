"""`nas replay`: simulates a published campaign, and nas in the same time."""

import json
from typing import Annotated, Literal

import typer

from nas.cli import options
from nas.cli.console import put, put_shown
from nas.cli.output import form_of
from nas.cli.working import working


def replay(
    campaign: Annotated[
        Literal["airnet"], typer.Argument(help="The published campaign.")
    ] = "airnet",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="First seed.")] = 0,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of campaigns with nas; each takes seconds.")
    ] = 3,
    form: options.Format = None,
    as_json: options.Json = False,
    output: options.Output = None,
) -> None:
    """Simulate a published campaign and, for comparison, the same 28 days with nas.

    Example: `nas replay airnet --seeds 5`
    """
    from nas.replay import compare, note, plain, remarks, table
    from nas.report import render

    form = form_of(form, as_json, output)
    with working("replaying"):
        found = compare(seed, seeds)
    if form == "json":
        text = json.dumps(plain(found), indent=1) + "\n"
        put(text, output)
        return
    shown = render(table(found), form, note=note(found), limit=None)
    notes = "\n".join(f"- {remark}" for remark in remarks(found))
    if isinstance(shown, str):
        put(f"{shown}\n{notes}\n" if form == "md" else shown, output)
    else:
        put_shown(output, shown, notes)


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(replay)
