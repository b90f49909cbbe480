"""Starts, resumes and confirms campaigns: everything around the driver's loop."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nas import data
from nas.campaign.afterwards import always
from nas.campaign.audit_watch import AuditWatch
from nas.campaign.checks import check_consent, check_settings
from nas.campaign.dataset import check_experts_unchanged, check_unchanged, experts_of
from nas.campaign.draw_setup import DrawSetup
from nas.campaign.drawn_fits import fit_drawn
from nas.campaign.driver import CampaignDriver
from nas.campaign.gate_cost import GateCostProbe
from nas.campaign.naming import check_name, default_name
from nas.campaign.profiling import Watch, profile_members
from nas.campaign.signals import stops_raise, stops_reach
from nas.campaign.stale_files import clear_leftovers
from nas.campaign.timer import BudgetTimer
from nas.campaign.tracking import make_recorder
from nas.data.manifest import Manifest
from nas.execute import make_executor
from nas.hardware import device_bytes, environment, settled_precision
from nas.ledger import CampaignStore, Ledger, Owner
from nas.ledger.datasets import keep_manifest
from nas.ledger.drivers import at_work
from nas.processes import Sandbox
from nas.schema import CampaignConfig, ProblemError, Role, Space, format_duration
from nas.schema.stop import Stop, StopReason

_AT_ONCE = (StopReason.INTERRUPT, StopReason.SIGNAL, StopReason.FAULT)
"""Reasons to stop after which no further work is started."""


@dataclass(frozen=True)
class Callbacks:
    """What a run calls to report its progress."""

    on_message: Callable[[str], None] = lambda line: None
    """Called with each event, as one line of text."""
    on_tick: Callable[[], None] = lambda: None
    """Called about once a second."""
    on_profile: Watch = lambda done, total, profile: None
    """Called after each member is profiled."""


@dataclass(frozen=True)
class RunResult:
    """Why a run ended."""

    stop: Stop | None
    """What stopped it; None if nothing was left to do."""
    fault: str | None = None
    """An error that is not a candidate's, such as a full disk; None without one."""


def prepare_campaign(
    ledger: Ledger, space: Space, config: CampaignConfig, name: str | None, manifest: Manifest
) -> str:
    """Adds a campaign that passes `check` to the ledger. Returns its name.

    `manifest` identifies the files of its data set; see nas.campaign.dataset.
    """
    ledger.claim_files()
    if name is None:
        name, made = ledger.name_campaign(
            lambda taken: default_name(space, config.dataset, taken), space, config
        )
    else:
        made = ledger.create_campaign(name, space, config)
    keep_manifest(ledger, made, manifest.to_json())
    return name


def check(space: Space, config: CampaignConfig, name: str | None = None) -> None:
    """Checks a configuration before any work is done and before a ledger is created.

    Raises ProblemError for a missing data set, and as `check_settings` and `check_consent`.
    """
    if name is not None:
        check_name(name)
    data.check(config.dataset, Path(config.data_root))
    check_settings(space, config)
    check_consent(space, config)


def check_budget(ledger: Ledger, name: str, worked_seconds: float, config: CampaignConfig) -> None:
    """Raises ProblemError if a campaign has used up its budget."""
    budget = config.budget_seconds
    if budget is not None and worked_seconds >= budget:
        raise ProblemError(
            f"{name} has worked for {format_duration(worked_seconds)} of"
            f" {format_duration(budget)}: its budget is used up",
            fix=f"give it more, as in `{ledger.command('resume', '-c', name, '--budget', '8m')}`",
        )


def run(
    ledger: Ledger,
    name: str,
    config: CampaignConfig,
    callbacks: Callbacks,
    *,
    only: Role | None = None,
) -> RunResult:
    """Runs a campaign until its budget or its trials are used up, or until it is stopped.

    With `only`, until no candidate of that role is open. Raises KeyboardInterrupt, or Stopped for
    another signal, if it is stopped before the first trial.
    """
    sandbox = Sandbox()
    campaign = ledger.campaign(name).id
    with stops_raise(), at_work(ledger, campaign, Owner.me()), always(sandbox.close):
        driver = _set_up(ledger, name, config, callbacks, only, sandbox)
        executor = make_executor(config.executor, workers=config.workers, gpus=config.gpus)
        clear_leftovers(ledger.files)
        with (
            stops_reach(driver.stopping),
            always(driver.close, driver.recorder.close),
        ):
            ledger.patience = driver.wait_for_ledger
            driver.store.set_state("running")
            ledger.storage.fold_in()  # from now on the database file alone is enough to resume
            driver.update_exclusions()
            executor.run(driver)
        stop = driver.stopping.stop
        if config.screen is not None and (stop is None or stop.reason not in _AT_ONCE):
            with suppress(KeyboardInterrupt):  # reports then lack these scores
                fit_drawn(driver.store, config.screen, sandbox, callbacks.on_message)
    return RunResult(stop, driver.stopping.fault)


def _set_up(
    ledger: Ledger,
    name: str,
    config: CampaignConfig,
    callbacks: Callbacks,
    only: Role | None,
    sandbox: Sandbox,
) -> CampaignDriver:
    """A campaign's driver. Members are profiled and templates' costs measured in the sandbox."""
    row = ledger.campaign(name)
    ledger.claim_files()
    check_unchanged(ledger, name, config, callbacks.on_message)
    check_experts_unchanged(
        ledger, experts_of(ledger, config), callbacks.on_message, data_root=config.data_root
    )
    check(row.space, config)
    profile = partial(
        profile_members,
        ledger,
        gpus=config.gpus,
        watch=callbacks.on_profile,
        on_message=callbacks.on_message,
        sandbox=sandbox,
    )
    setup = DrawSetup.of(ledger, row.space, config, profile, callbacks.on_message)
    wanted = setup.space.recipe_values("precision")
    notes = (settled_precision(precision, config.gpus)[1] for precision in wanted)
    for note in sorted({note for note in notes if note}):
        callbacks.on_message(note)
    if setup.not_in_bank:
        callbacks.on_message(
            f"not drawn, because the bank {config.experts} has no expert of them:"
            f" {', '.join(setup.not_in_bank)}"
        )
    store = CampaignStore(ledger, row.id, Owner.me())
    phase = store.begin_phase(setup.constraints) if only is None else 0
    draws = only is None and not config.bank  # a bank trains every member, so nothing is drawn
    recorder = make_recorder(config.log, ledger, name, callbacks.on_message)
    return CampaignDriver(
        config,
        store,
        setup.proposer(phase, GateCostProbe(sandbox, callbacks.on_message)),
        BudgetTimer(row.worked_seconds, config.budget_seconds),
        environment_id=store.environment(environment()),
        device_bytes=device_bytes(config.gpus),
        data_bytes=data.memory_bytes(
            config.dataset,
            Path(config.data_root),
            image_size=setup.space.image_size,
            channels=setup.space.channels,
        ),
        audit=AuditWatch(store, row.space, setup.sampler.bias()) if draws else None,
        recorder=recorder,
        only=only,
        on_message=callbacks.on_message,
        on_tick=callbacks.on_tick,
    )
