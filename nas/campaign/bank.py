"""Fills the expert bank: a campaign of single members that keeps their predictions."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from pydantic import ValidationError

from nas.campaign.controls import template_alone
from nas.campaign.naming import default_name
from nas.contained import contained
from nas.data.manifest import Manifest
from nas.experts import FOLDER, Bank, BankError, Entry
from nas.ledger import CampaignStore, Ledger, Owner
from nas.ledger.datasets import keep_manifest
from nas.render import template_hash
from nas.schema import (
    FINETUNED,
    FROZEN,
    PROBE,
    SCRATCH,
    START,
    Assignment,
    BankConfig,
    CampaignConfig,
    Candidate,
    Choice,
    DataConfig,
    ExpertAxis,
    ExpertChoice,
    ProblemError,
    Space,
    UsageError,
    fault_of,
)

C = TypeVar("C", bound=DataConfig)

HOLD_OUT = 0.2
"""Share of the training images that experts are not trained on."""


@dataclass(frozen=True)
class BankMember:
    """One member of a space, and the candidate that trains it for the bank."""

    family: str
    candidate: Candidate

    @property
    def model(self) -> str:
        """The timm model."""
        return self.candidate.experts[0].member.model

    @property
    def key(self) -> str:
        """The candidate's key, which names the expert's folder in the bank."""
        return self.candidate.key


def bank_of(ledger: Ledger) -> Bank:
    """The bank in a ledger's folder."""
    return Bank(contained(ledger.files, FOLDER))


def families_of(space: Space) -> ExpertAxis:
    """The families of a space. Raises UsageError for one without: a bank has no experts for it."""
    if space.experts is None:
        kind = "arms" if space.arms else "choices alone"
        raise UsageError(
            f"{space.name} is a space of {kind}; a bank holds experts of families",
            fix=f"choose a space with families, or `nas search {space.name}` without a bank",
        )
    return space.experts


def single_expert_space(space: Space) -> Space:
    """A space whose candidates are the single members of `space`. Raises as `families_of`."""
    experts = ExpertAxis(k=1, families=families_of(space).families)
    starts = (Choice(name=START, values=(PROBE,)),) if space.pretrained else ()
    return space.with_(template=template_alone(space), experts=experts, choices=starts)


def bank_members(space: Space, config: DataConfig) -> list[BankMember]:
    """Every member of a space, with the candidate that trains its expert.

    If `config` takes experts from a bank, they are tuned: trained further, alone, from the experts
    that the same settings give from scratch.
    """
    alone = single_expert_space(space)
    digest = template_hash(alone.template)
    start = tuple((choice.name, choice.values[0]) for choice in alone.choices)
    bank_keys = None
    if config.from_bank:
        scratch = bank_members(space, config.with_(experts=SCRATCH))
        bank_keys = {expert.model: expert.key for expert in scratch}
    return [
        BankMember(
            family,
            Candidate.of(
                alone,
                Assignment((ExpertChoice(family, member.model),), start),
                config.task,
                digest,
                replicate=config.replicate,
                init_from=bank_keys,
            ),
        )
        for family, member in alone.members
    ]


def existing_entries(bank: Bank, experts: Iterable[BankMember]) -> dict[str, Entry]:
    """The bank's entries of these experts, by key, without missing and damaged ones."""
    found = {}
    for expert in experts:
        try:
            found[expert.key] = bank.entry(expert.key)
        except BankError:
            continue
    return found


def untuned_entries(bank: Bank, entry: Entry) -> list[Entry]:
    """The experts that a tuned expert was initialised from, if the bank still has them."""
    found = []
    for key in entry.candidate.init_from:
        with suppress(BankError):
            found.append(bank.entry(key))
    return found


def open_bank(
    ledger: Ledger,
    space: Space,
    config: BankConfig,
    missing: Iterable[BankMember],
    examined: Callable[[], Manifest],
) -> tuple[str, int]:
    """The campaign that trains the missing experts, and the number of experts that it trains again.

    An existing campaign with the same space and settings is continued: experts that it trained and
    that the bank lost are trained again; those that failed are not. A new campaign records its data
    set's files, which `examined` returns.
    """
    alone = single_expert_space(space)
    for name in reversed(ledger.campaign_names()):
        row = ledger.campaign(name)
        if row.space != alone or not _same(row.config, config):
            continue
        ledger.update_config(row.id, config)
        store = CampaignStore(ledger, row.id, Owner.me())
        return row.name, store.reopen([expert.key for expert in missing])
    tuned = "tuned-" if config.from_bank else ""
    named = alone.with_(name=f"{tuned}bank-{space.name}")
    manifest = examined()
    name, made = ledger.name_campaign(
        lambda taken: default_name(named, config.dataset, taken), alone, config
    )
    keep_manifest(ledger, made, manifest.to_json())
    return name, 0


def _same(known: CampaignConfig, config: BankConfig) -> bool:
    return isinstance(known, BankConfig) and known.identity == config.identity


def bank_with(
    ledger: Ledger, space: Space, config: BankConfig, examined: Callable[[], Manifest]
) -> str:
    """The bank campaign that contains all members of a space with these settings; a new one if
    there is none, created like that of `open_bank`."""
    keys = {expert.key for expert in bank_members(space, config)}
    for name in reversed(ledger.campaign_names()):
        row = ledger.campaign(name)
        if _same(row.config, config) and keys <= {
            expert.key for expert in bank_members(row.space, row.config)
        }:
            return name
    return open_bank(ledger, space, config, [], examined)[0]


def find_bank(ledger: Ledger, name: str, space: Space, config: DataConfig) -> tuple[str, float]:
    """A bank's campaign, by its name or, for `bank`, the latest that fits and was not tuned; and
    what it holds out.

    Raises ProblemError where none fits: a bank of other data, another split or resolution.
    """
    names = ledger.campaign_names() if name == "bank" else [ledger.campaign(name).name]
    for candidate in reversed(names):
        row = ledger.campaign(candidate)
        if name == "bank" and row.config.from_bank:
            continue
        problem = _unfit(row.config, row.space, space, config)
        if problem is None:
            return row.name, row.config.hold_out
        if name != "bank":
            raise UsageError(problem, where=f"--experts {name}", fix="fill one with `nas bank`")
    raise ProblemError(
        f"this ledger has no bank of {config.dataset} at {space.image_size} pixels, split"
        f" {config.split_seed}",
        where=ledger.place,
        fix=f"fill one with `{ledger.command('bank', space.name, '--dataset', config.dataset)}`",
    )


def fitting_bank(
    ledger: Ledger,
    space: Space,
    config: C,
    *,
    recipe: Collection[str] = (),
    hold_out: float | None = None,
    replicate: int | None = None,
) -> tuple[str, Space, C] | None:
    """The latest bank with experts of a space: its name, the space with the bank's recipe, and the
    configuration that identifies its experts. None if no bank fits.

    A bank fits if it has the same data, split and resolution, if it is tuned as `config` asks, and
    if it agrees in the settings of `recipe` by name, and in `hold_out` and `replicate` if given.
    """
    for name in reversed(ledger.campaign_names()):
        row = ledger.campaign(name)
        if _unfit(row.config, row.space, space, config) is not None:
            continue
        has = (row.config.from_bank, *(getattr(row.space.recipe, name) for name in recipe))
        wants = (config.from_bank, *(getattr(space.recipe, name) for name in recipe))
        kept, number = row.config.hold_out, row.config.replicate
        if has != wants or hold_out not in (None, kept) or replicate not in (None, number):
            continue
        there = space.with_(recipe=row.space.recipe)
        adjusted = config.with_(hold_out=kept, replicate=number)
        if existing_entries(bank_of(ledger), bank_members(there, adjusted)):
            return row.name, there, adjusted
    return None


def bank_keys_of(ledger: Ledger, space: Space, config: DataConfig) -> dict[str, str] | None:
    """The bank's key for every model of the space that it has an expert of; None without a bank."""
    if not config.from_bank:
        return None
    find_bank(ledger, config.experts, space, config)
    row = ledger.campaign(config.experts)
    experts = bank_members(row.space, row.config)
    there = existing_entries(bank_of(ledger), experts)
    members = {member.model: member for _, member in space.members}
    return {
        expert.model: expert.key
        for expert in experts
        if expert.key in there and members.get(expert.model) == expert.candidate.experts[0].member
    }


def models_without_expert(space: Space, bank_keys: Mapping[str, str]) -> tuple[str, ...]:
    """The models of a space for which a bank has no expert."""
    return tuple(member.model for _, member in space.members if member.model not in bank_keys)


def without_members(space: Space, models: Iterable[str]) -> Space:
    """The space without some members. Raises ProblemError if too few families would be left."""
    try:
        return space.without(models)
    except ValueError as error:
        raise ProblemError(
            f"the bank has too few experts of {space.name}: {error}",
            fix="let `nas bank` finish first",
        ) from error


def with_starts(space: Space) -> Space:
    """The space with the choice START added, unless it has one: how the bank's experts are used."""
    if any(choice.name == START for choice in space.choices):
        return space
    starts = Choice(name=START, values=(FINETUNED, FROZEN))
    choices = tuple(sorted((*space.choices, starts), key=lambda choice: choice.name))
    return space.with_(choices=choices)


def check_starts(space: Space, config: DataConfig) -> None:
    """Raises ProblemError if the space's choice START contradicts the use of a bank."""
    starts = [value for choice in space.choices if choice.name == START for value in choice.values]
    if not space.pretrained and PROBE in starts:
        raise UsageError(
            f"{space.name} has experts start {PROBE}, and no pretrained ones",
            fix="name the weights of its members",
        )
    allowed = {SCRATCH, PROBE, FINETUNED} if space.pretrained else {SCRATCH}
    if not config.from_bank and any(value not in allowed for value in starts):
        raise UsageError(
            f"{space.name} has experts start {', '.join(map(str, starts))}",
            where="--experts scratch",
            fix="search with --experts bank",
        )
    if config.from_bank and SCRATCH in starts:
        raise UsageError(
            f"{space.name} has experts start scratch too",
            where=f"--experts {config.experts}",
            fix="search that with a campaign of its own",
        )
    if config.from_bank and (FINETUNED in starts or not starts):
        _check_finetuned(space)


def _check_finetuned(space: Space) -> None:
    """Raises ProblemError if a rate of finetuned experts may leave its bounds. The rates are
    products and quotients, so that the smallest and largest values show it."""
    names = ("lr", "warm_lr", "gate_lr_multiplier")
    ends = [{min(values), max(values)} for values in map(space.recipe_values, names)]
    for values in product(*ends):
        try:
            space.recipe.having(dict(zip(names, values, strict=True))).finetuned()
        except ValidationError as error:
            field, problem = fault_of(error)
            raise ProblemError(
                f"finetuned experts would have a {field} beyond its bounds: {problem}",
                where=f"the recipe of {space.name}",
                fix="bring warm_lr nearer to 1",
            ) from None


def _unfit(known: CampaignConfig, bank: Space, space: Space, config: DataConfig) -> str | None:
    if not known.bank:
        return "this campaign is not a bank"
    theirs = (known.dataset, known.split_seed, bank.image_size, bank.channels)
    ours = (config.dataset, config.split_seed, space.image_size, space.channels)
    names = ("data set", "split", "resolution", "number of channels")
    for name, has, wants in zip(names, theirs, ours, strict=True):
        if has != wants:
            return f"this bank's {name} is {has}, not {wants}"
    return None
