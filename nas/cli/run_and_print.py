"""Runs a campaign from the command line: a live display, then tables and an exit code."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

import typer

from nas.cli.consent import tell_of_analyses
from nas.cli.console import console, echo, put, put_shown
from nas.cli.output import FEW_ROWS, Form, progress_console, rendered_analysis
from nas.cli.volume import quiet, verbose
from nas.schema import CampaignConfig, Role, Status, format_duration
from nas.schema.stop import Stop, StopReason
from nas.schema.visible import visible

if TYPE_CHECKING:
    from nas.campaign.run import Callbacks, RunResult
    from nas.ledger import Ledger
    from nas.ledger.summary import Summary

CONFIRMED = [
    *("number", "key", "families", "val_acc", "confirm_val_acc", "confirm_sd", "confirm_n"),
    "confirm_test_acc",
]
STOPPED = 75
INTERRUPTED = 130


def work(
    ledger: "Ledger",
    name: str,
    config: CampaignConfig,
    *,
    confirm: tuple[int, int] | None = None,
    form: Form = "table",
) -> None:
    """Runs a campaign with a live display, prints its tables, and exits with a code for scripts.

    With a `form` other than `table`, only the leaderboard goes to stdout, and the rest to stderr.
    """
    from nas.campaign.confirm import confirm as confirm_leaders
    from nas.campaign.run import run
    from nas.ledger.summary import summary

    if confirm:
        top, seeds = confirm
        start = partial(confirm_leaders, ledger, name, config, top=top, seeds=seeds)
        words = ["confirm", "-c", name, "--top", str(top), "--seeds", str(seeds)]
    else:
        start, words = partial(run, ledger, name, config), ["resume", "-c", name]
    continuing = f"Continue with: {ledger.command(*words)}"
    before = summary(ledger, name).counts
    ended = run_with_display(ledger, name, start, continuing=continuing, form=form)
    with _terminal_may_be_gone():
        _print_tables(ledger, name, form, confirmed=bool(confirm))
    if ended.fault:
        echo(f"nas: {ended.fault}", err=True)
        raise typer.Exit(1)
    found = summary(ledger, name)
    none_ok = not found.counts[Role.CONFIRM if confirm else Role.SEARCH].get(Status.OK)
    with _terminal_may_be_gone():
        closing = _closing_line(ledger, name, ended, found, confirmed=bool(confirm))
        if found.counts == before and ended.stop is None:
            closing = f"Nothing was left to do; --trials or --budget gives it more. {closing}"
        if not quiet():
            shown = progress_console(form)
            shown.print()
            shown.print(visible(closing), soft_wrap=True)
    if code := code_of_stop(ended.stop):
        raise typer.Exit(code)
    if none_ok:
        echo(f"nas: {name}: no candidate has succeeded", err=True)
        raise typer.Exit(1)


@contextmanager
def _terminal_may_be_gone() -> Iterator[None]:
    """Passes over a closed terminal or pipe, but not over a full disk, whose output is missed."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


def run_with_display(
    ledger: "Ledger",
    name: str,
    start: "Callable[[Callbacks], RunResult]",
    *,
    continuing: str,
    form: Form,
) -> "RunResult":
    """The result of `start`, which runs a campaign, with a live display meanwhile.

    Ctrl-C in the pre-flight prints `continuing`, a sentence on how to continue, and raises
    typer.Exit; later the campaign takes signals itself.
    """
    from nas.campaign.run import Callbacks
    from nas.report.progress import Display

    shown = progress_console(form)
    try:
        with Display(shown, ledger, name, quiet=quiet(), epochs=verbose()) as display:
            return start(Callbacks(display.say, display.on_tick, display.on_profile))
    except KeyboardInterrupt as stop:
        with suppress(OSError):  # the terminal may be gone
            echo(f"Interrupted before the first trial. {continuing}", err=True)
        raise typer.Exit(code_of_interrupt(stop)) from None


def code_of_stop(stop: Stop | None) -> int:
    """The exit code of a run that ended like this: 0 if it was complete or its budget is spent."""
    if stop is None or stop.reason is StopReason.BUDGET:
        return 0
    return INTERRUPTED if stop.reason is StopReason.INTERRUPT else STOPPED


def code_of_interrupt(stop: KeyboardInterrupt) -> int:
    """The exit code of a command that a signal stopped."""
    from nas.campaign.signals import Stopped

    return STOPPED if isinstance(stop, Stopped) else INTERRUPTED


def _closing_line(
    ledger: "Ledger", name: str, ended: "RunResult", s: "Summary", *, confirmed: bool
) -> str:
    """One line: how the run ended, and the next command to type."""
    parts = [*_outcomes(s.counts[Role.SEARCH]), *_outcomes(s.counts[Role.REPLICATE], "replicate")]
    if superseded := sum(s.counts[Role.SUPERSEDED].values()):
        parts.append(f"{superseded} superseded by a changed template")
    counts = ", ".join(parts) or "nothing drawn"
    if s.planned_runs is not None:
        counts += f"; {s.ended_runs:,} of {s.planned_runs:,} runs done"
    worked = format_duration(s.worked_seconds)
    reason = ended.stop and ended.stop.reason
    words: tuple[str, ...]
    if confirmed and not ended.stop:
        words = ("report", "leaderboard", "-c", name)
    elif reason is StopReason.BIASED:
        words = ("resume", "-c", name, "--lax-coverage")
    elif reason is StopReason.BUDGET:
        # The last trial is finished after the budget has ended: more than that was worked.
        spent = max(s.budget_seconds or 0.0, s.worked_seconds)
        words = ("resume", "-c", name, "--budget", _as_option(2 * spent))
    elif ended.stop and not confirmed:
        words = ("resume", "-c", name)
    elif s.best is None:
        words = ("report", "failures", "-c", name)
    else:
        words = ("confirm", "-c", name)
    following = ledger.command(*words)
    if reason is StopReason.BIASED:
        following = f"a search with --sampler stratified; or {following}"
    return f"{name}: {ended.stop or 'done'}. {counts}; {worked} worked. Next: {following}"


def _outcomes(counts: dict[str, int], noun: str = "") -> Iterator[str]:
    """`2 ok`, `1 unfinished`; with a noun `2 replicates ok`, `1 replicate unfinished`."""
    for outcome, n in sorted(counts.items(), key=lambda count: (count[0] == "open", count[0])):
        what = f"{noun}{'s'[: n != 1]} " if noun else ""
        yield f"{n} {what}{'unfinished' if outcome == 'open' else outcome}"


def _as_option(seconds: float) -> str:
    """A duration in the format of --budget, rounded up where it has ten of a unit."""
    whole = max(1, ceil(seconds))
    size, unit = next(
        (n, u)
        for n, u in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
        if whole % n == 0 or whole >= 10 * n
    )
    return f"{ceil(whole / size)}{unit}"


def _print_tables(ledger: "Ledger", name: str, form: Form = "table", *, confirmed: bool) -> None:
    from nas.report import format_audit
    from nas.report.labels import with_labels
    from nas.results import audit_result, question, table

    tell_of_analyses()
    board = table("leaderboard", ledger, name)
    space = ledger.campaign(name).space
    if form != "table":
        put(str(rendered_analysis(board, form, question("leaderboard"), name)), None)
        return
    if board.empty:
        return
    if confirmed:
        board = with_labels(board, space).loc[board["confirm_n"] > 0, CONFIRMED]
        tables = [(board, "What do the leaders score with new seeds?")]
    else:
        tables = [(board, question("leaderboard"))]
        groups = "arms" if space.arms else "family_yield"
        found = table(groups, ledger, name)
        if not found.empty:  # a space may have neither
            tables.append((found, question(groups)))
    console.print()
    put_shown(None, format_audit(audit_result(ledger, name)))
    for frame, title in tables:
        put_shown(
            None, "", rendered_analysis(frame, form, title, name, limit=FEW_ROWS, space=space)
        )
