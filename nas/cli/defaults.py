"""What is meant where nothing is typed: a space and data that suit the device."""

from pathlib import Path

from nas.cli.console import says_yes

SPACES = ("tiny", "moe4")
"""Without and with GPUs."""
DATASETS = ("digits", "cifar10")


def space_for(typed: str | None, gpus: int | None) -> str:
    """The space that was typed, or the default for so many GPUs."""
    return typed or SPACES[bool(gpus)]


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
