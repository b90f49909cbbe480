"""What is meant where nothing is typed: a space and data that suit the device."""

from pathlib import Path

from nas.cli.console import note, says_yes

SPACES = ("tiny", "moe4")
"""Without and with GPUs."""
DATASETS = ("digits", "cifar10")


def space_for(typed: str | None, gpus: int | None) -> str:
    """The space that was typed, or the default for so many GPUs. That a file of this folder is read
    in place of nas's own is told."""
    from nas.space import stands_in

    space = typed or SPACES[bool(gpus)]
    if own := stands_in(space):
        note(f"{space}: {own} is read, in place of nas's own.")
    return space


def dataset_for(typed: str | None, gpus: int | None) -> str:
    """The data set that was typed, or the default for so many GPUs."""
    return typed or DATASETS[bool(gpus)]


def provide(dataset: str, root: Path) -> None:
    """Sees to it that a data set is there: on a terminal, by asking whether to download it.

    Raises ProblemError for one that is not there; it names the command that gets it.
    """
    from nas import data

    try:
        data.check(dataset, root)
    except data.NotHereError as error:
        question = f"{error.problem.what}. Download it into {root} now ({error.size})?"
        if not says_yes(question, default=True):
            raise
        data.download(dataset, root)
