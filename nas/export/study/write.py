"""`nas export-study`: a campaign as an Optuna study, for optuna-dashboard and Optuna's plots.

One trial a candidate of the search, in the order of draws. Parameters: one categorical a family,
`(out)` or the member that stands for it, and one a setting of the gate. So Optuna's importances
rank families; with one parameter an expert slot a family's worth would be spread over k
parameters, in each of which it comes up by the accident of the alphabet.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.files import check_parent, replacing
from nas.ledger import Ledger
from nas.ledger.address import database_url, file_of
from nas.ledger.errors import write_errors
from nas.ledger.output_paths import check_output
from nas.schema import ProblemError, UsageError

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Exported:
    """Where a study was written."""

    storage: str
    """As `optuna-dashboard` and `optuna.load_study` take it."""
    name: str
    trials: int


def export_study(
    ledger: Ledger, campaign: str | None, where: str, *, overwrite: bool = False
) -> Exported:
    """Writes a campaign, the latest by default, as a study of its name into a SQLite file.

    The file is made, or is one of Optuna's that has no such study; with `overwrite` a study of
    that name is replaced. Raises ProblemError without Optuna, and for any other file, which stays
    as it was; OSError where it cannot be written.
    """
    if find_spec("optuna") is None:
        raise ProblemError("a study needs Optuna, which is not installed", fix="pip install optuna")
    import optuna

    from nas.export.study.trials import trials_of

    path = _file(where)
    name = ledger.campaign(campaign).name
    trials = trials_of(ledger, name)
    with replacing(path) if not path.exists() else nullcontext(path) as file:
        file.touch()  # what keeps it from being made, SQLite would not tell
        with _opened(file, database_url(file).render_as_string()) as rdb:
            if name in {study.study_name for study in rdb.get_all_studies()}:
                if not overwrite:
                    raise UsageError(
                        f"a study named {name!r} is in this file already",
                        where=str(path),
                        fix="replace it with --overwrite, or name another file",
                    )
                optuna.delete_study(study_name=name, storage=rdb)
            study = optuna.create_study(storage=rdb, study_name=name, direction="maximize")
            try:
                for key, value in _about(ledger, name).items():
                    study.set_user_attr(key, value)
                _fill(study, rdb, trials)
            except BaseException:  # no half of a study is left, Ctrl-C or not
                with suppress(Exception):  # on a full disk, say; the first error is reported
                    optuna.delete_study(study_name=name, storage=rdb)
                raise
    return Exported(database_url(path).render_as_string(), name, len(trials))


def _file(where: str) -> Path:
    """The file meant by a path or a sqlite URL, which is new or Optuna's."""
    path = file_of(database_url(where))
    if path is None:
        raise UsageError("a study is written to a SQLite file", fix="write -o study.db")
    check_parent(path)
    check_output(path, database=True)
    if not path.exists():
        return path
    try:
        # Of a ledger, SQLite would leave its log and the log's index beside it.
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in found}
    except sqlite3.Error:
        tables = {"?"}
    if tables and not {"studies", "trials", "version_info"} <= tables:
        raise UsageError(
            "this file holds something else than Optuna's studies",
            where=str(path),
            fix="name a new file with -o",
        )
    return path


@contextmanager
def _opened(path: Path, url: str) -> Iterator[Any]:
    """Optuna's storage, quietly, and closed at the end."""
    import optuna
    from optuna.exceptions import StorageInternalError

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with write_errors(path):
            try:
                rdb = optuna.storages.RDBStorage(url)
            except RuntimeError as error:  # of another version of Optuna
                raise ProblemError(str(error), where=url, fix="name a new file with -o") from None
            try:
                yield rdb
            except StorageInternalError as error:  # in which Optuna wraps what SQLite says
                raise error.__cause__ or error from None
            finally:
                rdb.remove_session()
                rdb.engine.dispose()
    finally:
        optuna.logging.set_verbosity(level)


def _about(ledger: Ledger, name: str) -> dict[str, Any]:
    row = ledger.campaign(name)
    config = row.config
    settings = {n: getattr(config, n) for n in ("dataset", "sampler", "seed", "scheduler")}
    about = {"ledger": ledger.place, "space": row.space.name, **settings}
    return {key: value for key, value in about.items() if value is not None}


def _fill(study: "Study", rdb: Any, trials: "list[FrozenTrial]") -> None:
    """Adds trials in one transaction, and has Optuna read them back.

    `study.add_trials` asks the database several questions a parameter: 35 s for 1,000 trials of 29
    families. So its own rows are written at once where this Optuna has the tables they are for.
    """
    try:
        from nas.export.study.rows import insert
    except ImportError:
        study.add_trials(trials)
        return
    insert(rdb, study.study_name, trials)
    if list(map(_content, study.get_trials(deepcopy=False))) != list(map(_content, trials)):
        import optuna

        raise ProblemError(
            f"Optuna {optuna.__version__} reads the study otherwise than it was written",
            fix="pip install 'optuna>=5,<6'",
        )


def _content(trial: "FrozenTrial") -> tuple[Any, ...]:
    """What must come back as it went."""
    return (
        *(trial.state, trial.values, trial.params, trial.distributions),
        *(trial.user_attrs, trial.intermediate_values),
        *(trial.datetime_start, trial.datetime_complete),
    )
