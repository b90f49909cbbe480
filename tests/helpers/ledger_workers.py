"""Processes that write into a ledger, for tests that run several or kill them."""

import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

from ledger_maker import CODE, epoch

from nas.campaign.naming import default_name
from nas.ledger import CampaignStore, LeasedCandidate, Ledger, NewCandidate, Owner
from nas.schema import (
    Assignment,
    Candidate,
    Choice,
    ExpertAxis,
    ExpertChoice,
    Member,
    Outcome,
    ProblemError,
    Record,
    SearchConfig,
    Space,
    Status,
    Task,
)

FAMILIES = tuple("abcdefgh")
SPACE = Space(
    name="eight",
    experts=ExpertAxis(k=2, families={f: (Member(model=f"{f}_s"),) for f in FAMILIES}),
    choices=(Choice(name="mixing", values=("soft", "top1")),),
)
POINTS = list(product(combinations(FAMILIES, 2), ("soft", "top1")))


def spawn(verb: str, path: Path | str, *rest: object) -> subprocess.Popen[str]:
    """A process that does what a verb says, one of those at the end of this file."""
    return subprocess.Popen(
        [sys.executable, __file__, verb, str(path), *map(str, rest)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def candidate(number: int) -> Candidate:
    """The candidate at a place in a fixed sequence without end."""
    replicate, at = divmod(number, len(POINTS))
    pair, mixing = POINTS[at]
    picks = tuple(ExpertChoice(family, f"{family}_s") for family in pair)
    assignment = Assignment(picks=picks, choices=(("mixing", mixing),))
    return Candidate.of(SPACE, assignment, Task(), "t" * 16, replicate=replicate)


def propose(records: Sequence[Record]) -> NewCandidate:
    return NewCandidate(candidate=candidate(len(records)), code=CODE)


def store(path: Path | str, lease_seconds: float = 60.0) -> CampaignStore:
    ledger = Ledger(path, read_only=False)
    return CampaignStore(ledger, ledger.campaign().id, Owner.me(), lease_seconds=lease_seconds)


def start(mine: CampaignStore, leased: LeasedCandidate) -> int:
    attempt, _ = mine.start(
        leased,
        environment_id=mine.environment({}),
        device="cpu",
        memory_fraction=None,
        resumed_from=None,
    )
    mine.mark_started(attempt)
    return attempt


def finish(mine: CampaignStore, leased: LeasedCandidate, attempt: int) -> bool:
    outcome = Outcome(status=Status.OK, epochs=1, val_acc=0.5, seconds=2.0)
    return mine.finish(leased, attempt, outcome, final=True)


def say(what: object) -> None:
    """One line to the process that started this one."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def train_all(path: Path | str, limit: int) -> None:
    """Draws and trains until the campaign has `limit` candidates; says each one's number."""
    mine = store(path)
    while leased := mine.draw(propose, limit=limit):
        attempt = start(mine, leased)
        mine.epoch(attempt, epoch())
        assert finish(mine, leased, attempt)
        say(leased.number)


def create(path: Path | str, name: str | None = None) -> None:
    """Opens a ledger that may not be there yet, at a sign, and adds a campaign."""
    say("ready")
    sys.stdin.readline()
    ledger = Ledger(path, read_only=False)
    if name is not None:
        ledger.create_campaign(name, SPACE, SearchConfig())
    else:
        ledger.name_campaign(
            lambda taken: default_name(SPACE, "digits", taken), SPACE, SearchConfig()
        )


def hang(path: Path | str) -> None:
    """Draws a candidate, trains an epoch of it, says so and goes on when it is told to: to another
    epoch."""
    mine = store(path)
    leased = mine.draw(propose)
    assert leased is not None
    attempt = start(mine, leased)
    mine.epoch(attempt, epoch())
    say(mine.owner)
    if sys.stdin.readline():
        try:
            mine.epoch(attempt, epoch(2))
        except ProblemError as error:
            say(error)


if __name__ == "__main__":
    _, verb, where, *rest = sys.argv
    if verb == "train_all":
        train_all(where, int(rest[0]))
    elif verb == "create":
        create(where, *rest)
    elif verb == "hang":
        hang(where)
