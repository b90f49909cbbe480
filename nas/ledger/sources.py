"""Rendered code and software versions of many candidates; the DataFrames have neither."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import func, select

from nas.ledger import models as m
from nas.ledger.ledger import Ledger

_AT_ONCE = 500
"""Below every database's limit of values per query."""


def codes(ledger: Ledger, candidates: Iterable[int]) -> Iterator[tuple[int, str]]:
    """(candidate, rendered code) of each, in the given order; unknown ones are skipped."""
    wanted = iter(candidates)
    while some := list(islice(wanted, _AT_ONCE)):
        row = m.Candidate
        with ledger.session() as session:
            query = select(row.id, row.code).where(row.id.in_(some))
            found = {found.id: found.code for found in session.execute(query)}
        yield from ((candidate, found[candidate]) for candidate in some if candidate in found)


def template_hashes(ledger: Ledger, campaign: str, roles: Collection[str]) -> set[str]:
    """The hashes of the templates that a campaign's candidates of some roles were rendered with."""
    row = m.Candidate
    with ledger.session() as session:
        query = select(row.spec["template_hash"].as_string()).distinct()
        query = query.join(m.Campaign, m.Campaign.id == row.campaign_id)
        query = query.where(m.Campaign.name == campaign, row.role.in_(roles))
        return set(session.scalars(query))


def environment(ledger: Ledger, ident: int) -> dict[str, Any]:
    """Machine and versions of an environment by its id, as in frames."""
    with ledger.session() as session:
        return session.get_one(m.Environment, ident).data


def environments(ledger: Ledger, campaign: str) -> list[tuple[int, dict[str, Any]]]:
    """(attempts, machine and versions) of a campaign's environments, the most used first."""
    a, c, e = m.Attempt, m.Candidate, m.Environment
    with ledger.session() as session:
        counted = session.execute(
            select(a.environment_id, func.count().label("n"))
            .join(c, c.id == a.candidate_id)
            .join(m.Campaign, m.Campaign.id == c.campaign_id)
            .where(m.Campaign.name == campaign)
            .group_by(a.environment_id)
            .order_by(func.count().desc(), a.environment_id)
        ).all()
        return [(n, session.get_one(e, environment).data) for environment, n in counted]
