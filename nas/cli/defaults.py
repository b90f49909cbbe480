"""Default search space and data set, by device."""

from pathlib import Path

from nas.cli.console import note, says_yes

SPACES = ("tiny", "moe4")
"""The defaults without GPUs, and with some."""
DATASETS = ("digits", "cifar10")


def space_for(typed: str | None, gpus: int | None) -> str:
    """The given space, or the default for this number of GPUs. Prints a note if a file of this
    folder replaces nas's own."""
    from nas.space import stands_in

    space = typed or SPACES[bool(gpus)]
    if own := stands_in(space):
        note(f"{space}: reading {own} instead of nas's own.")
    return space


def dataset_for(typed: str | None, gpus: int | None) -> str:
    """The given data set, or the default for this number of GPUs."""
    return typed or DATASETS[bool(gpus)]


def provide(dataset: str, root: Path) -> None:
    """Makes sure that a data set is there; on a terminal, offers to download it.

    Raises ProblemError if it is missing, with the command that downloads it.
    """
    from nas import data

    try:
        data.check(dataset, root)
    except data.NotHereError as error:
        question = f"{error.problem.what}. Download it into {root} now ({error.size})?"
        if not says_yes(question, default=True):
            raise
        data.download(dataset, root)
