"""Are a space's models known to timm? Apart from loading, because importing timm takes seconds."""

from collections.abc import Callable
from pathlib import Path

from nas.files import read_source
from nas.schema import ProblemError, Space, did_you_mean
from nas.space.yaml_loader import read


def check_models(space: Space, path: Path | None = None) -> None:
    """Raises ProblemError for the first model that this timm does not have. Nothing is built.

    With the space's file as `path`, the error's `where` is the line it stands in.
    """
    import timm

    for family, member in space.members:
        if not timm.is_model(member.model):
            raise ProblemError(
                f"timm {timm.__version__} has no model {member.model!r}",
                where=_where(space, family, member.model, path),
                fix=did_you_mean(member.model, timm.list_models())
                or "see timm.list_models() for all names",
            )


def _where(space: Space, family: str, model: str, path: Path | None) -> str:
    if path is None or space.experts is None:
        return f"space {space.name}, family {family}"
    index = [member.model for member in space.experts.families[family]].index(model)
    return place_in(path)(("experts", "families", family, index))


def place_in(path: Path) -> Callable[[tuple[str | int, ...]], str]:
    """`FILE:LINE` of a part of a space file, such as ("choices", "mixing", 0)."""

    def place(part: tuple[str | int, ...]) -> str:
        document = read(read_source(path), str(path))
        return f"{path}:{document.line(part)}"

    return place
