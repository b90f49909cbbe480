"""Screens in the ledger: written as a whole, read as a table."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.ledger.records import ScreenExpert, ScreenRecord, screen_record
from nas.schema import ProblemError, ScreenConfig, Space, UsageError, did_you_mean
from nas.schema.scores import CORRECTED, PREDICTORS

if TYPE_CHECKING:
    import pandas as pd

SCORES = tuple(
    column.name
    for column in m.MixtureScore.__table__.columns
    if column.name not in ("screen_id", "rank", "families", "members")
)
"""Columns with scores."""
FITTED = tuple(name for name in SCORES if name.split("_")[0] in ("probe", "static", "gate"))
"""Those that are fitted: of a screen's best, and of what a campaign drew of the others."""
_AT_ONCE = 5000


def lower_is_better(score: str) -> bool:
    """Whether a smaller score predicts a better mixture. Only losses: parameters and latency also
    predict accuracy, and larger values are better."""
    return score.endswith("_loss")


def put_screen(
    ledger: Ledger,
    space: Space,
    config: ScreenConfig,
    experts: Iterable[ScreenExpert],
    rows: Iterable[dict[str, Any]],
    *,
    total: int,
    left_out: int = 0,
    val_images: int,
    test_images: int,
    seconds: float,
) -> int:
    """Records a screen and its rows, best first, in one transaction; returns its id."""
    with ledger.session() as session:
        screen = m.Screen(
            created_at=time.time(),
            space=space.model_dump(mode="json"),
            config={**config.model_dump(mode="json"), "left_out": left_out},
            experts=[asdict(expert) for expert in experts],
            total=total,
            val_images=val_images,
            test_images=test_images,
            seconds=seconds,
        )
        session.add(screen)
        session.flush()
        block: list[dict[str, Any]] = []
        for rank, row in enumerate(rows, start=1):
            block.append({"screen_id": screen.id, "rank": rank, **row})
            if len(block) == _AT_ONCE:
                session.execute(insert(m.MixtureScore), block)
                block.clear()
        if block:
            session.execute(insert(m.MixtureScore), block)
        return screen.id


def screen_of(ledger: Ledger, ident: int | None = None) -> ScreenRecord:
    """A screen by its id, or the latest; ProblemError if there is none."""
    with ledger.session() as session:
        query = select(m.Screen).order_by(m.Screen.id.desc())
        found = session.scalars(query if ident is None else query.where(m.Screen.id == ident))
        row = found.first()
        screen = None if row is None else screen_record(row)
    if screen is None:
        kind = ProblemError if ident is None else UsageError
        raise kind(
            "no screen is in this ledger" if ident is None else f"there is no screen {ident}",
            where=ledger.place,
            fix="score a space with `nas bank` and then `nas screen`",
        )
    return screen


def screen_of_experts(ledger: Ledger, keys: Iterable[str]) -> int | None:
    """The id of the screen of exactly these bank experts with the most mixtures; among equals the
    latest. None if there is none."""
    wanted = set(keys)
    scored = func.count(m.MixtureScore.rank)
    query = (
        select(m.Screen)
        .join(m.MixtureScore, m.MixtureScore.screen_id == m.Screen.id)
        .group_by(m.Screen.id)
        .order_by(scored.desc(), m.Screen.id.desc())
    )
    with ledger.session() as session:
        found = (s.id for s in session.scalars(query) if {e["key"] for e in s.experts} == wanted)
        return next(found, None)


def check_score(score: str) -> None:
    """Raises UsageError unless mixtures may be chosen by this score: one of PREDICTORS."""
    if score in SCORES and score not in PREDICTORS:
        raise UsageError(
            f"{score} is only for reporting: choosing by it would use up the test set",
            where="--by",
            fix=f"choose by {score.removesuffix('_test')}",
        )
    if score not in PREDICTORS:
        known = (*PREDICTORS, CORRECTED)
        raise UsageError(
            f"screens have no score {score!r}",
            where="--by",
            fix=did_you_mean(score, known) or f"choose from {', '.join(known)}",
        )


def best_screened(ledger: Ledger, ident: int, by: str, top: int) -> list[tuple[str, str]]:
    """(families, members) of a screen's best `top` mixtures by one of PREDICTORS, best first.

    Raises as `check_score`, and ProblemError if no mixture has the score.
    """
    check_score(by)
    fitted = screen_of(ledger, ident).config.top
    column = getattr(m.MixtureScore, by)
    best = column.asc() if lower_is_better(by) else column.desc()
    query = (
        select(m.MixtureScore.families, m.MixtureScore.members)
        .where(m.MixtureScore.screen_id == ident, column.is_not(None))
        .order_by(best, m.MixtureScore.rank)
        .limit(top)
    )
    if by in FITTED:  # what was drawn since is no choice of the screen
        query = query.where(m.MixtureScore.rank <= fitted)
    with ledger.session() as session:
        found = [(families, members) for families, members in session.execute(query)]
    if not found:
        raise ProblemError(f"screen {ident} has no {by} for its mixtures", fix="choose another")
    return found


def known_of_all(scored: "pd.DataFrame") -> list[str]:
    """Those of PREDICTORS that every mixture of a screen had from the first, and not only the best;
    `scored`: of `screened`."""
    fitted = scored.attrs["fitted"]
    known = [name for name in PREDICTORS if scored[name].notna().all()]
    return [n for n in known if n not in FITTED or fitted >= len(scored)]


def unfitted(
    ledger: Ledger, ident: int, mixtures: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Those of some mixtures, (families, members), that a screen scored and has not fitted."""
    wanted = set(mixtures)
    row = m.MixtureScore
    query = (
        select(row.families, row.members)
        .where(row.screen_id == ident, row.probe.is_(None))
        .order_by(row.rank)
    )
    with ledger.session() as session:
        return [(f, members) for f, members in session.execute(query) if (f, members) in wanted]


def put_fits(
    ledger: Ledger,
    ident: int,
    mixtures: Sequence[tuple[str, str]],
    columns: Mapping[str, Sequence[float]],
) -> None:
    """Records what was fitted, by column, of mixtures of a screen that had no fit."""
    row = m.MixtureScore
    with ledger.session() as session:
        for at, (families, members) in enumerate(mixtures):
            mixture = (row.families == families, row.members == members)
            values = {name: figures[at] for name, figures in columns.items()}
            session.execute(
                update(row)
                .where(row.screen_id == ident, row.probe.is_(None), *mixture)
                .values({name: None if v != v else v for name, v in values.items()})
            )


def screened(ledger: Ledger, ident: int) -> "pd.DataFrame":
    """One row per mixture that a screen scored, by uniform validation accuracy, best first.

    `rank` from 1; `families` and `members`: `a+b+c+d`; validation accuracies in [0, 1]: `uniform`
    of the plain average of the experts' logits, `probe` of that with a linear probe on all experts'
    features, `static` with fitted weights, `gate` with a fitted gate; `<of>_loss`: their
    cross-entropy in nats; `<of>_test`: their test accuracy; `oracle`: share of validation images
    that at least one expert gets right; `best_member`: validation accuracy of its best expert
    alone; `params`; `latency`: seconds for one image, the experts one after another.
    `attrs["fitted"]`: the number of best mixtures for which the screen fitted probe, weights and
    gate.
    """
    import pandas as pd

    columns = [m.MixtureScore.rank, m.MixtureScore.families, m.MixtureScore.members]
    columns += [getattr(m.MixtureScore, name) for name in SCORES]
    query = select(*columns).where(m.MixtureScore.screen_id == ident).order_by(m.MixtureScore.rank)
    with ledger.session() as session:
        rows = session.connection().execute(query).all()
    names = ["rank", "families", "members", *SCORES]
    kinds = {"families": "str", "members": "str"} | dict.fromkeys(SCORES, "float64")
    frame = pd.DataFrame(rows, columns=names).astype(kinds)
    frame.attrs["fitted"] = screen_of(ledger, ident).config.top
    return frame
