"""Run as a process: a campaign's writer that waits for no lock; says how often it was refused."""

import sys
from itertools import combinations, count
from pathlib import Path

from ledger_maker import Maker

from nas.ledger import engine
from nas.schema import Choice, ExpertAxis, Member, ProblemError, Recipe, Space

SPACE = Space(
    name="wide",
    experts=ExpertAxis(k=2, families={f"f{n}": (Member(model=f"m{n}"),) for n in range(30)}),
    choices=(Choice(name="mixing", values=("soft", "top1")),),
    recipe=Recipe(epochs=2),
)


def write(path: str, until: Path) -> None:
    """Trains candidates, on paper, until a file appears; prints `written refused`."""
    engine.LOCK_WAIT_SECONDS = 0.0
    maker = Maker(path, space=SPACE, name="written")
    maker.ledger.patience = lambda waited: False
    refused = 0
    pairs = list(combinations([f"m{n}" for n in range(30)], 2))
    for written in count():
        if until.exists():
            print(written, refused)  # noqa: T201
            return
        try:
            again, at = divmod(written, len(pairs))
            maker.trained(*pairs[at], val=0.5, inside=(0.4, 0.3), replicate=again)
        except ProblemError:
            refused += 1
        if written == 0:
            print("begun", flush=True)  # noqa: T201


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
