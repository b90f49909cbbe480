"""Finding, loading and running the files of `analysis/`."""

import ast
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nas import resources
from nas.files import read_source
from nas.ledger import Ledger
from nas.results.campaign_data import CampaignData
from nas.results.empty import explained
from nas.schema import ProblemError, UsageError, did_you_mean
from nas.trust import is_trusted

if TYPE_CHECKING:
    import pandas as pd


def tables() -> dict[str, Path]:
    """Every analysis by name, with its file. A file of the working directory replaces an analysis
    of nas with the same name only if the user consented to it."""
    shipped = resources.shipped("analysis")
    return {
        name: path if _is_trusted(path) else shipped / path.name
        for name, path in resources.files("analysis", ".py").items()
    }


def passed_over() -> list[Path]:
    """The working directory's analyses that are not run, because nas has one of the same name."""
    used = set(tables().values())
    return [path for path in resources.files("analysis", ".py").values() if path not in used]


def question(name: str) -> str:
    """The question an analysis answers: the first line of its docstring. Runs none of its code."""
    return about(name).splitlines()[0]


def about(name: str) -> str:
    """An analysis' docstring: its question, what its rows are, and its columns with their units.
    Runs none of its code."""
    path = _path(name)
    docstring = ast.get_docstring(_parsed(path))
    if not docstring:
        raise ProblemError(
            "an analysis opens with its question", where=str(path), fix="give the file a docstring"
        )
    return docstring


def table(
    name: str, ledger: Ledger, campaign: str | None = None, screen: int | None = None
) -> "pd.DataFrame":
    """An analysis' table for a campaign, by default that of `Ledger.campaign`; `screen`: a screen's
    number, instead of the campaign's own.

    The docstring of `analysis/<name>.py` documents its columns and units. A table without rows
    says why in `attrs["empty"]`. Raises ProblemError for an unknown name or campaign, and for an
    analysis that fails, naming its line.
    """
    found = ledger.campaign(campaign).name
    data = CampaignData(ledger, found, screen, named=campaign is not None)
    made = answer(name, data)
    if screen is not None and not data.of_screen:
        raise UsageError(f"{name} is about no screen", where="--screen", fix="leave it out")
    declared = _declared(_path(name))
    made.attrs.setdefault("through", declared.get("through", ""))
    return explained(
        made, data, **{key: declared[key] for key in ("empty", "template") if key in declared}
    )


def answer(name: str, data: CampaignData) -> "pd.DataFrame":
    """As `table`, from data that several analyses share; each table is computed once."""
    if name not in data.answers:
        data.answers[name] = _computed(name, data)
    return data.answers[name].copy(deep=False)  # the caller may add columns


def _computed(name: str, data: CampaignData) -> "pd.DataFrame":
    import pandas as pd

    path = _path(name)
    try:
        found = _function(path)(data)
    except ProblemError:
        raise
    except Exception as error:  # users write analyses, and rows may be damaged
        if data.ledger and (damage := data.ledger.damage()):
            raise damage from error
        raise _problem(path, error) from error
    if not isinstance(found, pd.DataFrame):
        raise ProblemError(
            f"table(data) gave a {type(found).__name__}",
            where=str(path),
            fix="return a DataFrame",
        )
    return found


def _is_trusted(path: Path) -> bool:
    """Whether a file may run: it is nas's own, nas has none of that name, or the user consented to
    its content."""
    shipped = resources.shipped("analysis") / path.name
    if not shipped.exists() or path.samefile(shipped):
        return True
    try:
        return is_trusted(read_source(path))
    except (OSError, ProblemError):  # nobody can have read and approved it
        return False


def _path(name: str) -> Path:
    known = tables()
    if name not in known:
        raise UsageError(f"no analysis is named {name!r}", fix=did_you_mean(name, known))
    return known[name]


def _declared(path: Path) -> dict[str, str]:
    """What a file says of itself in texts named EMPTY (why there may be no rows), TEMPLATE (the
    only one that it is about) and THROUGH (the last column that every terminal shows), by the
    names in lower case. Runs none of its code."""
    known = ("EMPTY", "TEMPLATE", "THROUGH")
    texts = {}
    for statement in _parsed(path).body:
        match statement:
            case ast.Assign([ast.Name(name)], ast.Constant(str(text))) if name in known:
                texts[name.lower()] = text
    return texts


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(read_source(path))
    except (SyntaxError, ValueError) as error:
        raise _problem(path, error) from error


def _function(path: Path) -> "Callable[[CampaignData], pd.DataFrame]":
    module = ModuleType(f"analysis.{path.stem}")
    module.__file__ = str(path)
    # Compiled from its text, not imported: an import would write a __pycache__ into a folder
    # that is shipped as it lies.
    exec(compile(read_source(path), str(path), "exec"), module.__dict__)
    function = getattr(module, "table", None)
    if not callable(function):
        raise ProblemError("an analysis needs a function table(data) → DataFrame", where=str(path))
    return function  # type: ignore[no-any-return]


def _problem(path: Path, error: Exception) -> ProblemError:
    """An analysis' failure, with the last of its own lines that was running."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    for step in traceback.extract_tb(sys.exc_info()[2]):
        if step.filename == str(path):
            line = step.lineno
    where = f"{path}:{line}" if line else str(path)
    message = " ".join(str(error).split())  # one line
    return ProblemError(
        f"this analysis fails: {type(error).__name__}: {message}", where=where, fix="mend the file"
    )
