"""How `nas bank` fills a bank: trains the experts that it lacks, then measures their latency."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nas.cli import consent, defaults
from nas.cli.console import echo, note, open_if_there
from nas.cli.output import Form
from nas.cli.run_and_print import code_of_stop, run_with_display
from nas.cli.working import working
from nas.schema import BankConfig, ProblemError, Space

if TYPE_CHECKING:
    from nas.campaign.bank import BankMember
    from nas.data.manifest import Manifest
    from nas.experts import Bank, Entry
    from nas.ledger import Ledger

Filled = tuple["list[BankMember]", "dict[str, Entry]"]
"""Every expert of a space, and those that the bank has, by key."""


def open_filler(
    space: Space, name: str, config: BankConfig, db: str, *, verify: bool, form: Form
) -> "BankFiller":
    """Opens the ledger, and creates it only if the bank can be trained.

    `name`: the space as the command names it. `verify`: whether to compare the checksums of all
    files first. `form`: the format of the results.
    """
    from nas.ledger import Ledger, check_place

    manifest = None
    if not open_if_there(db):
        check_place(db)
        _check(space, name, config)
        manifest = _examined(config)
    ledger = Ledger(db, read_only=False)
    return BankFiller(ledger, space, name, manifest, verify=verify, form=form)


class BankFiller:
    """Fills the bank of one space, for one or more configurations on the same data."""

    def __init__(
        self,
        ledger: "Ledger",
        space: Space,
        name: str,
        manifest: "Manifest | None",
        *,
        verify: bool,
        form: Form,
    ) -> None:
        """As `open_filler`; `manifest`: of the data set, if it was examined already."""
        from nas.campaign.bank import bank_of

        self.ledger = ledger
        self.space = space
        self.bank = bank_of(ledger)
        self.bank.sweep()
        self._name = name
        self._manifest = manifest
        self._verify = verify
        self._form = form

    def fill(self, config: BankConfig) -> Filled:
        """Trains the experts that the bank lacks. Raises ProblemError if that fails, and typer.Exit
        if it is stopped."""
        from nas.campaign.bank import bank_members, existing_entries, open_bank
        from nas.campaign.dataset import check_experts_unchanged

        experts = bank_members(self.space, config)
        keys = [expert.key for expert in experts]
        check_experts_unchanged(self.ledger, keys, note, data_root=config.data_root)
        found = existing_entries(self.bank, experts)
        if self._verify:
            found = _sound(self.bank, found)
        missing = [expert for expert in experts if expert.key not in found]
        if not missing:
            return experts, found
        _check(self.space, self._name, config)
        examined = partial(self._examined_once, config)
        campaign, again = open_bank(self.ledger, self.space, config, missing, examined)
        if again:
            lost = "1 expert was" if again == 1 else f"{again} experts were"
            are = "is" if again == 1 else "are"
            note(f"{lost} lost or damaged and {are} trained again.")
        _train(self.ledger, campaign, config, self._form)
        return experts, existing_entries(self.bank, experts)

    def tuned(self, config: BankConfig) -> BankConfig:
        """The configuration of the bank whose experts start from those of this one."""
        from nas.campaign.bank import bank_with

        examined = partial(self._examined_once, config)
        return config.with_(experts=bank_with(self.ledger, self.space, config, examined))

    def timed(self, found: "dict[str, Entry]", config: BankConfig) -> "dict[str, Entry]":
        """The entries with their latency, measured while nothing is training."""
        if all(entry.latency for entry in found.values()):
            return found
        from nas.campaign.bank import single_expert_space
        from nas.campaign.latencies import measure_latencies

        consent.ask_about_templates(single_expert_space(self.space), config)
        with working("measuring latency") as update:
            return measure_latencies(
                self.ledger,
                self.bank,
                found.values(),
                config,
                on_message=note,
                watch=lambda number, total, model: update(
                    f"measuring latency {number}/{total}: {model}"
                ),
            )

    def _examined_once(self, config: BankConfig) -> "Manifest":
        self._manifest = self._manifest or _examined(config)
        return self._manifest


def _check(space: Space, name: str, config: BankConfig) -> None:
    """Raises ProblemError if the space's members cannot be trained; offers to download data."""
    from nas.campaign.bank import single_expert_space
    from nas.campaign.run import check
    from nas.hardware import check_gpus
    from nas.space import check_models, find

    alone = single_expert_space(space)
    check_gpus(config.gpus)
    defaults.provide(config.dataset, Path(config.data_root))
    check_models(space, find(name))
    consent.ask_about_templates(alone, config)
    check(alone, config)


def _examined(config: BankConfig) -> "Manifest":
    from nas.campaign.dataset import examine

    with working("looking at the data"):
        return examine(config, note)


def _train(ledger: "Ledger", name: str, config: BankConfig, form: Form) -> None:
    from nas.campaign.run import run

    continuing = "The same command continues."
    start = partial(run, ledger, name, config)
    ended = run_with_display(ledger, name, start, continuing=continuing, form=form)
    if ended.fault:
        raise ProblemError(
            ended.fault, fix="fix it and run the same command again: finished experts are kept"
        )
    if code := code_of_stop(ended.stop):
        echo(f"{name}: {ended.stop}. {continuing}", err=True)
        raise typer.Exit(code)


def _sound(kept: "Bank", found: "dict[str, Entry]") -> "dict[str, Entry]":
    """The entries whose files match their checksums; the others are removed and printed."""
    from nas.experts import BankError

    sound = {}
    for key, entry in found.items():
        try:
            kept.verify(entry)
            sound[key] = entry
        except BankError as error:
            echo(f"{entry.model}: {error}", err=True)
            kept.remove(key)
    return sound
