"""What `nas diagnose` found, in the ledger."""

import time
from collections.abc import Mapping
from typing import Any

from nas.ledger import models as m
from nas.ledger.base import LedgerBase
from nas.ledger.events import get_or_create

Figures = Mapping[str, float | tuple[float, ...]]
"""Numbers, or several, by name."""


def put_diagnosis(
    ledger: LedgerBase,
    attempt: int,
    instrument: str,
    *,
    environment: Mapping[str, Any],
    device: str,
    seconds: float,
    figures: Figures,
    reason: str = "",
) -> None:
    """Records what an instrument found in an attempt's weights, or the reason why it does not
    apply to them. Earlier findings stay."""
    with ledger.session() as session:
        session.add(
            m.Diagnosis(
                attempt_id=attempt,
                instrument=instrument,
                made_at=time.time(),
                seconds=seconds,
                environment_id=get_or_create(session, m.Environment, dict(environment)),
                device=device,
                reason=reason,
                data=dict(figures),
            )
        )
