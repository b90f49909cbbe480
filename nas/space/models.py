"""Are a space's models known to timm? Apart from loading, because importing timm takes seconds:
its names are kept in the user's cache, and it is imported only for a name that is not there."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from nas.files import read_source
from nas.schema import ProblemError, Space, did_you_mean
from nas.space.yaml_loader import read
from nas.user_cache import keep, recall


def check_models(space: Space, path: Path | None = None) -> None:
    """Raises ProblemError for the first model that the installed timm lacks. Builds nothing.

    With the space's file as `path`, the error's `where` is the model's line.
    """
    names = recall("models", version("timm"))
    if isinstance(names, list) and all(_architecture(m.model) in names for _, m in space.members):
        return
    import timm

    keep("models", timm.__version__, timm.list_models())
    for family, member in space.members:
        if not timm.is_model(member.model):
            raise ProblemError(
                f"timm {timm.__version__} has no model {member.model!r}",
                where=_where(space, family, member.model, path),
                fix=did_you_mean(member.model, timm.list_models())
                or "see timm.list_models() for all names",
            )


def _architecture(model: str) -> str:
    """`resnet18` of `resnet18.a1_in1k`: timm knows weights by the tag behind the dot."""
    return model.partition(".")[0]


def _where(space: Space, family: str, model: str, path: Path | None) -> str:
    if path is None or space.experts is None:
        return f"space {space.name}, family {family}"
    index = [member.model for member in space.experts.families[family]].index(model)
    return place_in(path)(("experts", "families", family, index))


def place_in(path: Path) -> Callable[[tuple[str | int, ...]], str]:
    """A function that gives `FILE:LINE` for a part of a space file: ("choices", "mixing", 0)."""

    def place(part: tuple[str | int, ...]) -> str:
        document = read(read_source(path), str(path))
        return f"{path}:{document.line(part)}"

    return place
