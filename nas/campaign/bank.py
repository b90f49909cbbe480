"""Filling the expert bank: a campaign of single members that keeps what they predict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nas.bank import FOLDER, Bank, BankError, Entry
from nas.campaign.config import CampaignConfig, default_name
from nas.campaign.controls import TEMPLATE
from nas.ledger import CampaignStore, Ledger, Owner
from nas.render import template_hash
from nas.spec import Assignment, Candidate, Pick, ProblemError, Space, Subset

HOLD_OUT = 0.2
"""Share of the training images that experts never see."""


@dataclass(frozen=True)
class Wanted:
    """One expert that a space has, as the bank would keep it."""

    family: str
    candidate: Candidate

    @property
    def model(self) -> str:
        return self.candidate.experts[0].member.model

    @property
    def key(self) -> str:
        return self.candidate.key


def bank_of(ledger: Ledger) -> Bank:
    """The bank beside a ledger."""
    return Bank(Path(ledger.files) / FOLDER)


def singles(space: Space) -> Space:
    """The space of a space's members, each by itself."""
    if space.experts is None:
        raise ProblemError(f"{space.name} has no families to train", fix="choose another space")
    experts = Subset(k=1, families=space.experts.families)
    return space.model_copy(update={"template": TEMPLATE, "experts": experts, "choices": ()})


def wanted(space: Space, config: CampaignConfig) -> list[Wanted]:
    """Every member of a space as the candidate its expert is trained as."""
    alone, digest = singles(space), template_hash(TEMPLATE)
    return [
        Wanted(
            family,
            Candidate.of(
                alone,
                Assignment(picks=(Pick(family, member.model),)),
                config.task,
                digest,
                replicate=config.replicate,
            ),
        )
        for family, member in alone.members
    ]


def held(bank: Bank, experts: Iterable[Wanted]) -> dict[str, Entry]:
    """The entries that stand under the experts' keys, by key; damaged ones are left out."""
    found = {}
    for expert in experts:
        try:
            found[expert.key] = bank.entry(expert.key)
        except BankError:
            continue
    return found


def open_bank(
    ledger: Ledger, space: Space, config: CampaignConfig, missing: Iterable[Wanted]
) -> tuple[str, int]:
    """The campaign that trains what is missing, and how many experts it trains again.

    An earlier one of the same space and settings goes on: what it trained and the bank lost, by
    damage or by hand, is opened again. What failed in training stays failed.
    """
    alone = singles(space)
    asked = config.model_dump(mode="json")
    for name in reversed(ledger.campaign_names()):
        row = ledger.campaign(name)
        if row.space != alone.model_dump(mode="json") or _kind(row.config) != _kind(asked):
            continue
        ledger.update_config(row.id, asked)
        store = CampaignStore(ledger, row.id, Owner.me())
        return row.name, store.reopen([expert.key for expert in missing])
    named = alone.model_copy(update={"name": f"bank-{space.name}"})
    name = default_name(named, config.dataset, ledger.campaign_names())
    ledger.create_campaign(name, alone, asked)
    return name, 0


_SAME = ("bank", "dataset", "split_seed", "hold_out", "replicate")


def _kind(config: Mapping[str, object]) -> list[object]:
    return [config.get(name) for name in _SAME]
