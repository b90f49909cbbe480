"""`nas diagnose`: examine trained candidates."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import complete, consent, defaults, options
from nas.cli.chosen import campaign_named
from nas.cli.console import echo, note, put, put_shown
from nas.cli.output import Form, form_of, rendered_analysis
from nas.cli.run_and_print import code_of_interrupt
from nas.cli.volume import verbose
from nas.cli.working import working
from nas.registry import INSTRUMENTS
from nas.schema import Role, UsageError, parse_duration

if TYPE_CHECKING:
    from nas.campaign.diagnoses import Conditions
    from nas.ledger import Ledger
    from nas.ledger.lookup import Found


def diagnose(
    candidates: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CANDIDATE",
            help="Candidates: best, 12, `control 3`, `replicate 3`, `confirm 0`, CAMPAIGN/12, a key"
            " or its beginning.",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every candidate whose weights are kept.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="A,B",
            help=f"Only these instruments. [{','.join(INSTRUMENTS.names())}]",
            autocompletion=complete.registered(INSTRUMENTS),
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Also apply instruments that were applied before."),
    ] = False,
    campaign: options.Campaign = None,
    gpus: options.Gpus = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            help="Limit for one instrument on one candidate. [10m]",
            rich_help_panel=options.RUN,
        ),
    ] = None,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Examine trained candidates with instruments, and record what they find.

    Needs the candidates' weights (`nas search --keep-weights`). What was found before, with the
    same weights on the same kind of device, is not measured again. On a CPU `latency` takes about a
    minute a candidate and needs an idle machine; `curvature` and `surface` take minutes, the others
    seconds.

    Example: `nas diagnose best --only routing`
    """
    from nas.campaign.diagnoses import SECONDS, Conditions, usable
    from nas.hardware import check_gpus
    from nas.ledger import Ledger

    chosen = form_of(form, as_json)
    instruments = _instruments(only)
    seconds = parse_duration(time_limit, "--time-limit") if time_limit else SECONDS
    if every == bool(candidates):
        what = "--all names every candidate itself" if every else "name candidates, or give --all"
        raise typer.BadParameter(what, param_hint="CANDIDATE")
    check_gpus(gpus or 0)
    ledger = Ledger(db, read_only=False, create=False)
    found = list(_all(ledger, campaign) if every else _named(ledger, candidates or [], campaign))
    if not found:
        echo("nas: no candidate's weights are kept: see --keep-weights of `nas search`", err=True)
        raise typer.Exit(1)
    _provide(found)
    if not only:
        instruments = usable(instruments, lambda line: echo(line, err=True))
    _examine(ledger, found, instruments, Conditions(gpus or 0, seconds, again), chosen)


def _provide(found: "Sequence[Found]") -> None:
    """Asks for what the candidates need: their data, and consent to their templates' code."""
    for name, some in _by_campaign(found).items():
        config = some[0].campaign.config
        defaults.provide(config.dataset, Path(config.data_root))
        consent.ask_about_code(_templates(some), name)


def _instruments(only: Sequence[str] | None) -> tuple[str, ...]:
    if not only:
        return INSTRUMENTS.names()
    typed = ",".join(only)
    names = tuple(dict.fromkeys(name for name in map(str.strip, typed.split(",")) if name))
    if not names:
        raise UsageError(f"{typed!r} names no instrument", where="--only")
    for name in names:
        INSTRUMENTS.check(name)
    return names


def _named(ledger: "Ledger", words: Sequence[str], campaign: str | None) -> "Iterator[Found]":
    """The candidates that the words name, each once; `control 3` may be two words."""
    from nas.ledger.lookup import find

    seen = set()
    waiting = list(words)
    while waiting:
        name = waiting.pop(0)
        if name.rpartition("/")[2].lower() in set(Role) and waiting:
            name = f"{name} {waiting.pop(0)}"
        found = find(ledger, name, campaign)
        if found.candidate.id not in seen:
            seen.add(found.candidate.id)
            yield found


def _all(ledger: "Ledger", campaign: str | None) -> "Iterator[Found]":
    from nas.ledger.lookup import find, with_weights

    row = ledger.campaign(campaign_named(ledger, campaign))
    for key in with_weights(ledger, row):
        yield find(ledger, key, row.name)


def _by_campaign(found: "Sequence[Found]") -> "dict[str, list[Found]]":
    parts: dict[str, list[Found]] = {}
    for one in found:
        parts.setdefault(one.campaign.name, []).append(one)
    return parts


def _templates(found: "Sequence[Found]") -> set[str]:
    """The templates whose code is run; one that is gone is reported for its candidates."""
    from nas.render import templates

    return {one.candidate.spec.template for one in found} & set(templates())


def _examine(
    ledger: "Ledger",
    found: "Sequence[Found]",
    instruments: Sequence[str],
    conditions: "Conditions",
    form: Form,
) -> None:
    """Examines candidates, prints what is known of them, and exits with a code for scripts."""
    from nas.campaign.diagnoses import Callbacks, diagnose
    from nas.campaign.signals import stops_raise

    try:
        with working("checking the weights") as update, stops_raise():
            callbacks = Callbacks(
                on_message=lambda line: echo(line, err=True),
                on_detail=lambda text: echo(text, err=True, lines=True) if verbose() else None,
                watch=lambda number, total, what: update(f"examining {number}/{total}: {what}"),
            )
            examined = diagnose(ledger, found, instruments, conditions, callbacks)
    except KeyboardInterrupt as stop:
        note("Interrupted: what was found is recorded, and the same command continues.")
        raise typer.Exit(code_of_interrupt(stop)) from None
    if examined.known:
        _print(ledger, examined.known, instruments, form)
    else:
        echo("nas: nothing could be examined", err=True)
    if examined.failures:
        raise typer.Exit(1)


def _print(
    ledger: "Ledger", found: "Sequence[Found]", instruments: Sequence[str], form: Form
) -> None:
    import pandas as pd

    from nas.results import question, table

    consent.tell_of_analyses()
    parts = _by_campaign(found)
    tables = []
    for name, some in parts.items():
        rows = table("diagnose", ledger, name)
        mine = rows["key"].isin([one.candidate.key for one in some])
        tables.append(rows[mine & rows["instrument"].isin(instruments)])
    answer = pd.concat(tables, ignore_index=True)
    text = rendered_analysis(answer, form, question("diagnose"), ", ".join(parts))
    if isinstance(text, str):
        put(text, None)
    else:
        put_shown(None, text)


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(diagnose)
