"""A campaign while it works: a panel on a terminal, plain lines elsewhere."""

import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nas.ledger import Ledger
from nas.ledger.summary import Running, Summary, summary
from nas.report.terminal import Terminal
from nas.schema import MemberProfile, Role, format_duration
from nas.schema.visible import visible

QUIET_SECONDS = 60.0
"""Where there is no terminal, how often a line says that work goes on."""
SHOWN = 12
"""Running trials that have a line of their own."""


def panel(s: Summary) -> RenderableType:
    """The campaign at a glance."""
    head = Text.assemble(
        (s.campaign, "bold"),
        f"  {s.space} on {s.dataset}, {s.sampler}  ",
        (_state(s), "green" if s.alive else "yellow"),
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", style="dim")
    grid.add_column()
    for name, row in (
        ("budget", _budget(s)),
        ("trials", _trials(s)),
        ("confirm", _confirming(s)),
        ("done", _counts(s)),
        ("failures", _failures(s)),
        ("the draw", _biased(s)),
        ("warning", _failing(s)),
        ("best", _best(s)),
    ):
        if row is not None:
            grid.add_row(name, row)
    parts: list[RenderableType] = [head, grid]
    if s.running:
        parts += [Text(""), _running(s)]
    return Panel(Group(*parts), border_style="dim", padding=(0, 1))


def _state(s: Summary) -> str:
    if s.state == "running" and not s.alive:
        return "not running: go on with `nas resume`"
    return s.state


def _bar(done: float, total: float, words: str) -> RenderableType:
    row = Table.grid(padding=(0, 2))
    row.add_row(ProgressBar(total=total, completed=min(done, total), width=30), words)
    return row


def _budget(s: Summary) -> RenderableType:
    worked = format_duration(s.worked_seconds)
    if s.budget_seconds is None:
        return Text(f"{worked} worked, no limit")
    left = format_duration(s.budget_seconds - s.worked_seconds)
    words = f"{worked} of {format_duration(s.budget_seconds)}, {left} left"
    return _bar(s.worked_seconds, s.budget_seconds, words)


def _trials(s: Summary) -> RenderableType | None:
    if s.trials is None:
        return None
    finished = s.drawn - s.counts["search"].get("open", 0)
    eta = f", ends in {format_duration(s.eta_seconds)}" if s.eta_seconds else ""
    return _bar(finished, s.trials, f"{finished} of {s.trials}{eta}")


def _confirming(s: Summary) -> RenderableType | None:
    counts = s.counts["confirm"]
    if not counts.get("open"):
        return None
    total = sum(counts.values())
    done = total - counts["open"]
    return _bar(done, total, f"{done} of {total}")


_NOUNS = {
    Role.SEARCH: "candidate",
    Role.CONTROL: "control",
    Role.CONFIRM: "confirmation",
    Role.SUPERSEDED: "superseded draw",
}


def _counts(s: Summary) -> RenderableType:
    words = []
    for role, counts in s.counts.items():
        finished = sum(n for outcome, n in counts.items() if outcome != "open")
        if finished:
            words.append(f"{finished} {_NOUNS[Role(role)]}{'' if finished == 1 else 's'}")
    text = ", ".join(words) or "nothing yet"
    if s.per_hour is not None:
        text += f", {s.per_hour:.0f} candidates an hour"
    if s.success_rate is not None:
        text += f", {s.success_rate:.0%} successful"
    return Text(text)


def _failures(s: Summary) -> RenderableType | None:
    words = [f"{n} {kind}" for kind, n in s.failures.items()]
    words += [f"{family} benched" for family in s.benched]
    return Text(", ".join(words), style="red") if words else None


def _biased(s: Summary) -> RenderableType | None:
    return Text(f"BIASED, {s.biased}", style="bold red") if s.biased else None


def _failing(s: Summary) -> RenderableType | None:
    return Text("\n".join(s.failing), style="red") if s.failing else None


def _best(s: Summary) -> RenderableType | None:
    if s.best is None:
        return None
    return Text.assemble(
        (f"{s.best.val_acc:.2%}", "bold green"), f"  #{s.best.number}  {s.best.families}"
    )


def _running(s: Summary) -> RenderableType:
    now = time.time()
    if not s.alive:  # what a dead driver left has not run since its last sign of life
        now -= s.silent_seconds or 0.0
    table = Table.grid(padding=(0, 2))
    for run in s.running[:SHOWN]:
        table.add_row(
            Text(title(run), style="cyan"),
            ProgressBar(total=run.epochs, completed=run.epoch, width=16),
            f"{run.epoch}/{run.epochs}",
            f"{run.val_acc:.2%}" if run.val_acc is not None else "",
            format_duration(max(0.0, now - run.since)),
            Text(run.families, style="dim"),
        )
    if len(s.running) > SHOWN:
        table.add_row(f"and {len(s.running) - SHOWN} more")
    return table


def title(run: Running) -> str:
    """`#12` for a candidate of the search, its role and number for the others."""
    return f"#{run.number}" if run.role == "search" else f"{run.role} {run.number}"


class Display:
    """Shows a campaign while `with` lasts; the console's width and kind decide how."""

    def __init__(self, console: Terminal, ledger: Ledger, campaign: str) -> None:
        self._console = console
        self._ledger = ledger
        self._campaign = campaign
        self._live: Live | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            with suppress(OSError):
                self._live.stop()

    def say(self, line: str) -> None:
        """One event, kept on the screen."""
        self._last = time.monotonic()
        with suppress(OSError):  # the terminal is gone; the campaign is not
            # A line a fact where a program reads; a terminal breaks it between words.
            wrap = not self._console.is_terminal
            self._console.print(visible(line), soft_wrap=wrap)

    def on_tick(self) -> None:
        """About once a second."""
        if self._live:
            shown = panel(summary(self._ledger, self._campaign))
            with suppress(OSError):
                self._live.update(shown, refresh=True)
        elif time.monotonic() - self._last > QUIET_SECONDS:
            s = summary(self._ledger, self._campaign)
            self.say(
                f"{self._campaign}: {format_duration(s.worked_seconds)} worked, "
                f"{len(s.running)} running, {s.drawn} drawn"
            )

    def on_profile(self, done: int, total: int, probe: MemberProfile) -> None:
        """One member's pre-flight."""
        if self._live:
            words = f"pre-flight {done} of {total}: {probe.member.model}"
            self._live.update(_bar(done, total, words), refresh=True)
        elif done == total:
            self.say(f"{total} member{'s'[: total != 1]} probed")
