"""Applies instruments to trained candidates, each in a process that may crash."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.campaign.dataset import compare_data
from nas.diagnose.examining import Finding, TrainedCandidate, examine, instrument
from nas.execute import GpuSandbox, NoGpuError
from nas.hardware import environment, settled_precision
from nas.ledger import Ledger
from nas.ledger.diagnoses import instruments_applied, put_diagnosis
from nas.ledger.drivers import running_campaign
from nas.ledger.lookup import Found
from nas.processes import Sandbox
from nas.render import render_to_run
from nas.report.findings import cautions
from nas.schema import ProblemError, printed_name
from nas.schema.problem import NotInstalledError
from nas.trained import check_weights, compared_code, kept_weights

SECONDS = 600.0
"""Default time limit for one instrument on one candidate."""

Watch = Callable[[int, int, str], None]
"""Called before each examination with (number, total, what is examined)."""


@dataclass(frozen=True)
class Conditions:
    """Where candidates are examined, and for how long."""

    gpus: int = 0
    """0: on the CPU."""
    seconds: float = SECONDS
    """Time limit for one instrument on one candidate."""
    again: bool = False
    """Whether instruments are applied that have examined the same weights on the device before."""

    @property
    def device(self) -> str:
        """`cuda` (the sandbox chooses the GPU) or `cpu`."""
        return "cuda" if self.gpus else "cpu"


@dataclass(frozen=True)
class Callbacks:
    """What is called while candidates are examined."""

    on_message: Callable[[str], None] = lambda line: None
    """Called with what cannot be examined, or not be relied on, as one line of text."""
    on_detail: Callable[[str], None] = lambda text: None
    """Called with the traceback, or the output, of an instrument that failed."""
    watch: Watch = lambda number, total, what: None


@dataclass(frozen=True)
class Examined:
    """What came of an examination."""

    known: tuple[Found, ...]
    """The candidates of which something is known, from now or before."""
    failures: int
    """Examinations that were asked for and did not succeed."""


@dataclass(frozen=True)
class _Job:
    found: Found
    trained: TrainedCandidate
    attempt: int
    instrument: str
    title: str


def title(found: Found, campaigns: int = 1) -> str:
    """A candidate as messages name it, with its campaign if there are several."""
    name = printed_name(found.candidate.role, found.candidate.number)
    return name if campaigns == 1 else f"{found.campaign.name}, {name}"


def usable(instruments: Sequence[str], on_message: Callable[[str], None]) -> tuple[str, ...]:
    """Those of the instruments whose packages are installed; each of the others is a message."""
    found = []
    for name in instruments:
        try:
            instrument(name)
        except NotInstalledError as error:
            on_message(f"left out: {error.problem.what} — {error.problem.fix}")
        else:
            found.append(name)
    return tuple(found)


def diagnose(
    ledger: Ledger,
    candidates: Sequence[Found],
    instruments: Sequence[str],
    conditions: Conditions,
    callbacks: Callbacks,
) -> Examined:
    """Applies each instrument to each candidate, and records at once what it finds.

    What cannot be examined is reported and left out: a candidate without sound weights, or whose
    code is not what its template renders, or would run without consent; an instrument that fails;
    and one that has to work alone while a campaign of the ledger is running. Raises ProblemError if
    the data of a campaign have changed since it started, and for an instrument's file without one.
    """
    alone = {name: instrument(name).alone for name in instruments}
    configs = {found.campaign.name: found.campaign.config for found in candidates}
    for name, config in configs.items():
        compare_data(ledger, name, config, callbacks.on_message)
    failures = 0
    known: dict[int, Found] = {}
    """By attempt."""
    jobs: list[_Job] = []
    for found in candidates:
        named = title(found, len(configs))
        trained = _trained(ledger, found, named, conditions, callbacks)
        if trained is None:
            failures += len(instruments)
            continue
        assert found.final is not None
        attempt = found.final.id
        applied = instruments_applied(ledger, attempt, conditions.device)
        if applied & set(instruments):
            known[attempt] = found
        wanted = [name for name in instruments if conditions.again or name not in applied]
        jobs += [_Job(found, trained, attempt, name, f"{named}: {name}") for name in wanted]
    failures += len(jobs)
    where = environment() if jobs else {}
    for job, finding in _findings(ledger, jobs, alone, conditions, callbacks):
        put_diagnosis(
            ledger,
            job.attempt,
            job.instrument,
            environment=where,
            device=conditions.device,
            seconds=finding.seconds,
            figures=finding.figures,
            reason=finding.reason,
        )
        for line in cautions(job.instrument, finding.figures):
            callbacks.on_message(f"{job.title}: {line}")
        known[job.attempt] = job.found
        failures -= 1
    return Examined(tuple(known.values()), failures)


def _trained(
    ledger: Ledger, found: Found, named: str, conditions: Conditions, callbacks: Callbacks
) -> TrainedCandidate | None:
    """A candidate as it is examined; None for one that cannot be, which is reported."""
    try:
        weights = kept_weights(ledger, found)
        check_weights(weights, found, weights)
        code, compared = compared_code(found, render_to_run)
        if not compared:
            raise ProblemError(
                "its template has changed since, so its code cannot be compared and is not run"
            )
    except ProblemError as error:
        callbacks.on_message(f"{named} cannot be examined: {error}")
        return None
    candidate, final = found.candidate.spec, found.final
    assert final is not None
    precision, _ = settled_precision(candidate.recipe.precision, conditions.gpus)
    return TrainedCandidate(
        candidate=candidate,
        code=code,
        weights=str(weights.resolve()),
        structure=final.structure,
        micro_batches=final.micro_batches,
        data_root=str(Path(found.campaign.config.data_root).resolve()),
        device=conditions.device,
        precision=precision,
    )


def _findings(
    ledger: Ledger,
    jobs: Sequence[_Job],
    alone: dict[str, bool],
    conditions: Conditions,
    callbacks: Callbacks,
) -> Iterator[tuple[_Job, Finding]]:
    """Every job that succeeds, with what was found."""
    gpus = conditions.gpus
    with GpuSandbox(gpus, callbacks.on_message) if gpus else Sandbox() as sandbox:
        for number, job in enumerate(jobs, start=1):
            if alone[job.instrument] and (running := running_campaign(ledger)):
                callbacks.on_message(
                    f"{job.title} is not measured while {running} is running: run the same command"
                    " again when it has ended"
                )
                continue
            callbacks.watch(number, len(jobs), job.title)
            try:
                answer = sandbox.call(
                    examine, job.instrument, job.trained, timeout=conditions.seconds
                )
            except NoGpuError as error:
                callbacks.on_message(f"nothing more is examined: {error}")
                return
            if answer.ok:
                yield job, answer.value
            else:
                callbacks.on_message(f"{job.title} fails: {answer.problem}")
                callbacks.on_detail(answer.detail)
                sandbox.close()  # the state of CUDA after an error is unknown
