"""The ledger as tidy pandas DataFrames; their column names are stable.

Units in every frame: accuracies, shares and rates in [0, 1]; losses and entropies in nats;
durations in seconds; sizes in bytes; times are UTC timestamps. A value that was not measured is
missing (NaN, NaT or <NA>), never 0. Columns `gate_<name>` contain a candidate's choice on each
further axis of its space, such as `gate_mixing`. An empty ledger gives empty frames with the same
columns and dtypes. Rendered code and tracebacks are not in the frames: `nas show` prints them.

Identifiers: `campaign` is a campaign's name, `key` a candidate's hash (unique within a campaign),
`candidate` and `attempt` are row ids, unique in the ledger. The frames `metrics`,
`training_events` and `diagnostics` are in `nas.ledger.figure_frames`.
"""

import json
from collections.abc import Collection
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.orm import Session

from nas.ledger import columns as c
from nas.ledger import models as m
from nas.ledger.assignments import (
    FROM_SPEC,
    base_keys,
    joined,
    member,
    setting,
    values,
)
from nas.ledger.base import LedgerBase
from nas.ledger.frame_queries import (
    gc_paused,
    in_campaign,
    of_attempts,
    of_campaign,
    plain_rows,
    selected,
)
from nas.ledger.records import CampaignRecord, campaign_record


def campaigns(ledger: LedgerBase) -> pd.DataFrame:
    """One row per campaign, oldest first.

    `campaign`; `state` (running, stopped, done); `space`, `dataset`, `sampler`, `seed`: the
    configuration; `budget_seconds` and `trials`: the limits, missing if there are none;
    `worked_seconds`, over all resumes; `created_at`; `heartbeat_at`: a driver's last sign of life.
    """
    with ledger.session() as session:
        rows = session.scalars(select(m.Campaign).order_by(m.Campaign.id)).all()
        return c.frame(map(_campaign, map(campaign_record, rows)), c.CAMPAIGNS)


def _campaign(row: CampaignRecord) -> tuple[object, ...]:
    config = row.config
    return (
        *(row.name, row.state, row.space.name, config.dataset, config.sampler, config.seed),
        *(config.budget_seconds, config.trials),
        *(row.worked_seconds, row.created_at, row.heartbeat_at),
    )


def candidates(ledger: LedgerBase, campaign: str | None = None) -> pd.DataFrame:
    """One row per candidate, of one campaign or of all, in the order of drawing.

    `candidate`, `campaign`, `key`; `base_key`: the key of the same candidate with the lowest
    replicate number; `role` (search, control, confirm); `number`: its position in its role's
    sequence, from 0; `phase`; `replicate`; `families` and `members`: `a+b+c+d`, sorted by family;
    `template`, `dataset`, `image_size` (pixels), `planned_epochs`; `outcome`: the final one,
    missing while the candidate is open; `val_acc`: its final validation accuracy; `params`,
    `macs` (one image, forward pass), `memory_bytes` (one training step): estimates from member
    profiles; `active_macs`: `macs` without experts' unused places, missing for mixtures of members;
    `attempts`: their number so far; `deaths`: attempts whose process died while their driver
    lived; `drawn_at`, `finished_at`; `final_attempt`: the attempt with its result; `gate_<name>`.
    """
    mine = of_campaign(ledger, campaign)
    with ledger.session() as session, gc_paused():
        return _candidates(session, mine)


def attempts(ledger: LedgerBase, campaign: str | None = None) -> pd.DataFrame:
    """One row per attempt, of one campaign or of all, oldest first, with its candidate's columns.

    `attempt`, `candidate`, `campaign`, `key`, `base_key`, `role`, `number`, `phase`, `replicate`,
    `families`, `members`; `attempt_number`: counts a candidate's attempts from 1; `final`: True
    for the attempt with the candidate's result; `outcome`: missing while it runs; `stage`,
    `message`: where and why it failed; `epochs` trained, out of `planned_epochs`; `val_acc`,
    `val_loss`, `test_acc`; `uniform_val_acc`, `uniform_test_acc`: of the experts' unweighted mean;
    `oracle_val_acc`, `oracle_test_acc`: share of images that at least one expert classifies
    correctly; `val_images`, `test_images`: their numbers; `seconds`: wall time in its worker;
    `peak_memory_bytes`; `params`: measured, or else the estimate; `macs`, `active_macs`,
    `memory_bytes`: estimates; `rung`: the rung that pruned it; `dataset`, `image_size`; `device`,
    `memory_fraction` (share of a GPU), `micro_batches`; `environment`: id of a record of versions;
    `resumed_from`: the attempt whose checkpoint it started from; `folder`, and `weights`: a file
    in it; `started_at`, `ended_at`; `gate_<name>`.
    """
    a = m.Attempt
    special = {
        "attempt_number": a.number,
        "environment": a.environment_id,
        "params": func.coalesce(a.params, m.Candidate.params),
        "macs": m.Candidate.macs,
        "active_macs": m.Candidate.active_macs,
        "memory_bytes": m.Candidate.memory_bytes,
        # Computed as in `Ledger.attempt_folder`; the stored folder is not trusted.
        "folder": cast(m.Candidate.campaign_id, Text)
        + ("/" + m.Candidate.key + "/")
        + cast(a.id, Text),
    }
    plain = {
        name: kind
        for name, kind in c.ATTEMPTS.items()
        if name not in (*FROM_SPEC, "members", "base_key")
    }
    mine = of_campaign(ledger, campaign)
    query = selected(a, plain, special).join(m.Candidate, m.Candidate.id == a.candidate_id)
    with ledger.session() as session, gc_paused():
        frame = c.frame(plain_rows(session, in_campaign(query, mine).order_by(a.id)), plain)
    of = candidates(ledger, campaign).set_index("candidate")  # read later: it has them all
    gates = [name for name in of.columns if name.startswith("gate_")]
    known = [*(name for name in c.ATTEMPTS if name not in frame), *gates]
    return frame.join(of[known], on="candidate")[[*c.ATTEMPTS, *gates]]


def epochs(
    ledger: LedgerBase, campaign: str | None = None, columns: Collection[str] | None = None
) -> pd.DataFrame:
    """One row per epoch of an attempt, in order; only the named `columns`, if given.

    `attempt`, `candidate`, `campaign`, `key`, `role`, `families`; `epoch`: counts from 1, across
    resumes; `train_loss`: the whole objective; `balance_loss`: its load-balancing term, unweighted;
    `train_acc`, `val_loss`, `val_acc`; `lr`, `gate_lr`; `temperature` of the gate;
    `gate_entropy`: mean over validation, between 0 and ln E; `usage`: a list, the mean gate weight
    of each expert in the order of `families`; `images_per_second`, `seconds`, `peak_memory_bytes`.
    """
    chosen = c.EPOCHS if columns is None else {n: c.EPOCHS[n] for n in c.EPOCHS if n in columns}
    return of_attempts(ledger, campaign, m.Epoch, chosen, m.Epoch.epoch)


def experts(ledger: LedgerBase, campaign: str | None = None) -> pd.DataFrame:
    """One row per expert inside a mixture that was trained to its end.

    `attempt`, `candidate`, `campaign`, `key`, `role`, `families`; `final`: as in `attempts`;
    `position`: its index among the experts, from 0; `family`, `model`; `val_acc`, `test_acc`: of
    its own logits, inside the mixture; `usage`: its mean gate weight on validation.
    """
    return of_attempts(ledger, campaign, m.Expert, c.EXPERTS, m.Expert.position)


def probes(ledger: LedgerBase) -> pd.DataFrame:
    """One row per cached profile of a member under one set of conditions.

    `model` and `args` (JSON): the member; `ok`, and `problem` if not; `image_size` (pixels),
    `channels`, `num_classes`, `torch`, `timm`, `device`, `precision`, `memory_format`: the
    conditions; `params`; `buffers_bytes`; `macs` and `saved_bytes` (kept from forward to backward)
    for one image; `seconds`: one training step of `batch` images; `probed_at`.
    """

    def cells(row: m.MemberProfile) -> list[Any]:
        args = json.dumps(row.probe["member"].get("args", {}), sort_keys=True)
        known = {**row.conditions, **row.probe, "model": row.model, "args": args}
        known["probed_at"] = row.probed_at
        return [known[name] for name in c.PROBES]

    with ledger.session() as session:
        rows = session.scalars(
            select(m.MemberProfile).order_by(m.MemberProfile.model, m.MemberProfile.probed_at)
        ).all()
        return c.frame(map(cells, rows), c.PROBES)


def events(ledger: LedgerBase, campaign: str | None = None) -> pd.DataFrame:
    """One row per event of a campaign, oldest first.

    `campaign`; `at`; `kind`: `benched`, `phase` and others; `family`: if the event is about one;
    `data`: all recorded details, a dict.
    """
    e = m.Event
    query = select(m.Campaign.name, e.at, e.kind, e.data)
    query = query.join(m.Campaign, m.Campaign.id == e.campaign_id)
    query = query.where(of_campaign(ledger, campaign), e.kind != m.DRIVER_MARK)
    with ledger.session() as session:
        rows = session.execute(query.order_by(e.id)).all()
        return c.frame(((*row[:3], row.data.get("family"), row.data) for row in rows), c.EVENTS)


def _candidates(session: Session, mine: ColumnElement[bool]) -> pd.DataFrame:
    row = m.Candidate
    tries = (
        select(m.Attempt.candidate_id, func.count().label("n"))
        .group_by(m.Attempt.candidate_id)
        .subquery()
    )
    plain = {name: k for name, k in c.CANDIDATES.items() if name not in ("members", "base_key")}
    special = {"attempts": func.coalesce(tries.c.n, 0), **FROM_SPEC}
    query = selected(row, plain, special)
    query = query.outerjoin(tries, tries.c.candidate_id == row.id).order_by(row.id)
    spaces = session.scalars(select(m.Campaign.space).where(mine)).all()
    gates = sorted({choice["name"] for space in spaces for choice in space["choices"]})
    most = max([1, *((space["experts"] or {}).get("k", 1) for space in spaces)])
    query = query.add_columns(*map(member, range(most)), *map(setting, gates))

    rows = plain_rows(session, in_campaign(query, mine))
    first, last = len(plain), len(plain) + most
    frame = c.frame((r[:first] for r in rows), plain)
    frame["members"] = pd.Series(joined(r[first:last] for r in rows), dtype=c.TEXT)
    frame["base_key"] = frame["key"]
    if frame["replicate"].any():
        specs = session.scalars(
            in_campaign(select(cast(row.spec, Text)), mine).order_by(row.id)
        ).all()
        keys = base_keys(frame["key"].tolist(), frame["replicate"].tolist(), specs)
        frame["base_key"] = pd.Series(keys, dtype=c.TEXT)
    named = [f"gate_{name}" for name in gates]
    for at, name in enumerate(named, start=last):
        settings = pd.Series(values([r[at] for r in rows]), dtype="object")
        frame[name] = settings.infer_objects()
    return frame[[*c.CANDIDATES, *named]]
