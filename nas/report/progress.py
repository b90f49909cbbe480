"""The display of a running campaign: a panel on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from nas.ledger import Ledger
from nas.ledger.summary import Running, Summary, summary
from nas.report.terminal import Terminal
from nas.report.waiting import SilenceBreaker
from nas.schema import MemberProfile, Role, format_duration, percent, printed_name
from nas.schema.visible import visible

LINE_WIDTH = 100
"""The most characters of the line that is printed where there is no terminal."""
SHOWN = 12
"""Maximum number of running trials that the panel lists."""


def panel(s: Summary) -> RenderableType:
    """A summary of the campaign: progress, counts, the best candidate and the running trials."""
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
        ("runs", _runs(s)),
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


def live_panel(s: Summary, console: Terminal) -> RenderableType:
    """The panel for a rich.live.Live, without the screen's last columns: a terminal writes `^C`
    there, which must not begin a new line, as Live counts lines to overwrite them."""
    return Constrain(panel(s), max(20, console.width - len("^C^C") - 1))


def _state(s: Summary) -> str:
    if s.state == "running" and not s.alive:
        return "not running: continue with `nas resume`"
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


def _runs(s: Summary) -> RenderableType | None:
    if s.planned_runs is None:
        return None
    return _bar(s.ended_runs, s.planned_runs, f"{s.ended_runs:,} of {s.planned_runs:,}")


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
    Role.REPLICATE: "replicate",
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
        text += f", {percent(s.success_rate, 0)} successful"
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
        (percent(s.best.val_acc), "bold green"), f"  #{s.best.number}  {s.best.label}"
    )


def _running(s: Summary) -> RenderableType:
    now = time.time()
    if not s.alive:  # trials of a dead driver have not run since its last heartbeat
        now -= s.silent_seconds or 0.0
    table = Table.grid(padding=(0, 2))
    for _ in range(5):
        table.add_column(no_wrap=True)
    for run in s.running[:SHOWN]:
        table.add_row(
            Text(printed_name(run.role, run.number), style="cyan"),
            ProgressBar(total=run.epochs, completed=run.epoch + run.within, width=16),
            _epochs(run),
            percent(run.val_acc) if run.val_acc is not None else "",
            format_duration(max(0.0, now - run.since)),
            Text(run.label, style="dim"),
        )
    if len(s.running) > SHOWN:
        table.add_row(f"and {len(s.running) - SHOWN} more")
    return table


def _epochs(run: Running) -> str:
    """`epoch 2/5 (43 %)`: the running epoch, counted from 1, and how much of it is done, if known;
    `epoch 5/5 done` after the last."""
    if run.epoch >= run.epochs:
        return f"epoch {run.epochs}/{run.epochs} done"
    within = f" ({percent(run.within, 0)})" if run.within else ""
    return f"epoch {run.epoch + 1}/{run.epochs}{within}"


def _line(s: Summary) -> str:
    """The campaign in one line, for output that is not a terminal. It lists as many running trials
    as fit into LINE_WIDTH, and counts the others."""
    worked = format_duration(s.worked_seconds)
    line = f"{s.campaign}: {worked} worked, {s.drawn} drawn, {len(s.running)} running"
    shown = 0
    for run in s.running:
        separator = ", " if shown else ": "
        part = f"{separator}{printed_name(run.role, run.number)} {_epochs(run)}"
        later = len(s.running) - shown - 1
        if len(line + part) + (len(_more(later)) if later else 0) > LINE_WIDTH:
            break
        line += part
        shown += 1
    hidden = len(s.running) - shown
    return line + (_more(hidden) if shown and hidden else "")


def _more(count: int) -> str:
    return f", {count} more"


class Display:
    """Context manager that shows a campaign's progress: a panel on a terminal, lines elsewhere."""

    def __init__(
        self,
        console: Terminal,
        ledger: Ledger,
        campaign: str,
        *,
        quiet: bool = False,
        epochs: bool = False,
    ) -> None:
        """`quiet`: prints nothing; `epochs`: prints a line for every finished epoch."""
        self._console = console
        self._ledger = ledger
        self._campaign = campaign
        self._quiet = quiet
        self._epochs = epochs
        self._seen: dict[int, int] = {}
        """By attempt: the last epoch that was printed."""
        self._doing = f"{campaign}: preparing"
        self._live: Live | None = None
        self._silence = SilenceBreaker(self._still)

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._quiet:
            begin = Spinner("dots", Text(f"{self._doing}…"))
            self._live = Live(begin, console=self._console, transient=True)
            self._live.start()
        elif not self._quiet:
            self._silence.__enter__()
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
        elif not self._quiet:
            self._silence.__exit__(kind, error, trace)

    def say(self, line: str) -> None:
        """Prints one event as a line, which stays on the screen."""
        if self._quiet:
            return
        self._silence.heard()
        with suppress(OSError):  # the campaign continues without its terminal
            # A terminal wraps between words; in a file each event is one line.
            wrap = not self._console.is_terminal
            self._console.print(visible(line), soft_wrap=wrap)

    def on_tick(self) -> None:
        """Updates the panel, or prints a line if nothing was printed for a while. Call it about
        once a second."""
        if self._quiet or not (self._live or self._epochs or self._silence.due()):
            return
        s = summary(self._ledger, self._campaign)
        if self._epochs:
            self._say_epochs(s.running)
        if self._live:
            with suppress(OSError):
                self._live.update(live_panel(s, self._console), refresh=True)
        elif self._silence.due():
            self.say(_line(s))

    def _say_epochs(self, running: Iterable[Running]) -> None:
        for run in running:
            if run.epoch and self._seen.get(run.attempt) != run.epoch:
                self._seen[run.attempt] = run.epoch
                value = "" if run.val_acc is None else f": val {percent(run.val_acc)}"
                name = printed_name(run.role, run.number)
                self.say(f"{name} {run.label}: epoch {run.epoch} of {run.epochs}{value}")

    def _still(self, seconds: float) -> None:
        """Prints what is being done; called in another thread while `on_tick` is not called."""
        self.say(f"{self._doing}, {format_duration(seconds)} so far")

    def on_profile(self, done: int, total: int, profile: MemberProfile) -> None:
        """Shows that one more member was profiled."""
        self._doing = f"{self._campaign}: pre-flight {done} of {total}: {profile.member.model}"
        if self._live:
            words = f"pre-flight {done} of {total}: {profile.member.model}"
            self._live.update(_bar(done, total, words), refresh=True)
        if done == total:
            self._doing = f"{self._campaign}: at work"
            if not self._live:
                self.say(f"{total} member{'s'[: total != 1]} profiled")
