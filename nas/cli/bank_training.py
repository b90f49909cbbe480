"""How `nas bank` fills a bank: what it lacks is trained, then timed."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nas.cli import consent, defaults
from nas.cli.console import console, echo, note, open_if_there
from nas.cli.volume import quiet, verbose
from nas.cli.working import working
from nas.report.terminal import Terminal
from nas.schema import BankConfig, ProblemError, Space

if TYPE_CHECKING:
    from nas.campaign.bank import BankMember
    from nas.data.manifest import Manifest
    from nas.experts import Bank, Entry
    from nas.ledger import Ledger

Filled = tuple["list[BankMember]", "dict[str, Entry]"]
"""Every expert of a space, and those that the bank has, by key."""


class Filling:
    """Fills the bank of one space; opens its ledger, and makes one only where all can be done."""

    def __init__(
        self,
        space: Space,
        typed: str,
        config: BankConfig,
        db: str,
        *,
        verify: bool,
        aside: bool,
    ) -> None:
        """`typed`: the space as it was typed. With `verify` the checksums of all files are compared
        first. `aside`: whether progress goes to the other stream."""
        from nas.campaign.bank import bank_of, single_expert_space
        from nas.ledger import Ledger, check_place

        self.space = space
        self.alone = single_expert_space(space)
        self._typed = typed
        self._config = config
        self._verify = verify
        self._aside = aside
        self._manifest = cache(self._examined)
        if not open_if_there(db):  # so that an error leaves no new ledger
            check_place(db)
            self._check()
            self._manifest()
        self.ledger = Ledger(db, read_only=False)
        self.bank = bank_of(self.ledger)
        self.bank.sweep()

    def fill(self, config: BankConfig) -> Filled:
        """Trains what the bank lacks of these settings. Raises ProblemError where that fails, and
        typer.Exit where it is stopped."""
        from nas.campaign.bank import bank_members, existing_entries, open_bank
        from nas.campaign.dataset import hold_experts_to

        experts = bank_members(self.space, config)
        keys = [expert.key for expert in experts]
        hold_experts_to(self.ledger, keys, note, data_root=config.data_root)
        found = existing_entries(self.bank, experts)
        if self._verify:
            found = _sound(self.bank, found)
        missing = [expert for expert in experts if expert.key not in found]
        if not missing:
            return experts, found
        self._check()
        name, again = open_bank(self.ledger, self.space, config, missing, self._manifest)
        if again:
            lost = "1 expert was" if again == 1 else f"{again} experts were"
            are = "is" if again == 1 else "are"
            note(f"{lost} lost or damaged and {are} trained again.")
        _train(self.ledger, name, config, aside=self._aside)
        return experts, existing_entries(self.bank, experts)

    def tuned(self, config: BankConfig) -> BankConfig:
        """The settings of the bank whose experts begin as those of this one."""
        from nas.campaign.bank import bank_with

        return config.with_(experts=bank_with(self.ledger, self.space, config, self._manifest))

    def timed(self, found: "dict[str, Entry]", config: BankConfig) -> "dict[str, Entry]":
        """The entries with their latency, measured while nothing is training."""
        if all(entry.latency for entry in found.values()):
            return found
        from nas.campaign.latencies import measure_latencies

        consent.ask_about_templates(self.alone, config)
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

    def _check(self) -> None:
        from nas.campaign.run import check
        from nas.hardware import check_gpus
        from nas.space import check_models, find

        check_gpus(self._config.gpus)
        defaults.provide(self._config.dataset, Path(self._config.data_root))
        check_models(self.space, find(self._typed))
        consent.ask_about_templates(self.alone, self._config)
        check(self.alone, self._config)

    def _examined(self) -> "Manifest":
        from nas.campaign.dataset import examine

        with working("looking at the data"):
            return examine(self._config, note)


def _train(ledger: "Ledger", name: str, config: BankConfig, *, aside: bool) -> None:
    from nas.campaign.run import Callbacks, run
    from nas.cli.run_and_print import exit_code, exit_code_of
    from nas.report.progress import Display

    try:
        with Display(
            Terminal(stderr=True) if aside else console,
            ledger,
            name,
            quiet=quiet(),
            epochs=verbose(),
        ) as display:
            callbacks = Callbacks(display.say, display.on_tick, display.on_profile)
            ended = run(ledger, name, config, callbacks)
    except KeyboardInterrupt as stop:
        raise typer.Exit(exit_code(stop)) from None
    if ended.fault:
        raise ProblemError(
            ended.fault, fix="fix it and run the same command again: finished experts are kept"
        )
    if code := exit_code_of(ended.stop):
        echo(f"{name}: {ended.stop}. The same command continues.", err=True)
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
