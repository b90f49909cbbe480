"""Measures the latency of a bank's experts, while nothing else runs."""

from collections.abc import Callable, Iterable

from nas.execute import GpuSandbox, NoGpuError
from nas.experts import Bank, Entry
from nas.hardware import settled_precision
from nas.ledger import Ledger
from nas.ledger.drivers import running_campaign
from nas.measure.latency import measure_latency
from nas.processes import Sandbox
from nas.render import current_hash, render_to_run
from nas.schema import WEIGHTS, CampaignConfig

SECONDS = 300.0
"""Time limit per expert."""

Watch = Callable[[int, int, str], None]
"""Called before each expert with (number, total, model)."""


def measure_latencies(
    ledger: Ledger,
    bank: Bank,
    entries: Iterable[Entry],
    config: CampaignConfig,
    *,
    on_message: Callable[[str], None] = lambda line: None,
    watch: Watch = lambda number, total, model: None,
) -> dict[str, Entry]:
    """The entries by key, with their latency in seconds; missing ones are measured and stored.

    Running trials and profiles would distort it, so nothing is measured while a campaign of this
    ledger is running. That is printed, as are experts that cannot be measured, and work of other
    programs meanwhile. Raises ProblemError if a template of the working directory would run instead
    of nas's own without consent.
    """
    found = {entry.key: entry for entry in entries}
    missing = [entry for entry in found.values() if not entry.latency]
    if not missing:
        return found
    if running := running_campaign(ledger):
        on_message(
            f"latency is not measured while {running} is running: run the same command again when"
            " it has ended"
        )
        return found
    with GpuSandbox(config.gpus, on_message) if config.gpus else Sandbox() as sandbox:
        for number, entry in enumerate(missing, start=1):
            watch(number, len(missing), entry.model)
            candidate = entry.candidate
            if current_hash(candidate) is not None:
                on_message(
                    f"{entry.model}: its latency cannot be measured: its template has changed since"
                )
                continue
            code = render_to_run(candidate)
            try:
                answer = sandbox.call(
                    measure_latency,
                    candidate,
                    code,
                    str(bank.checked(entry, WEIGHTS)),
                    entry.inputs.num_classes,
                    config.device,
                    settled_precision(candidate.recipe.precision, config.gpus)[0],
                    timeout=SECONDS,
                )
            except NoGpuError as error:
                on_message(f"latency cannot be measured: {error}")
                break
            if not answer.ok:
                on_message(f"{entry.model}: its latency cannot be measured: {answer.problem}")
                sandbox.close()
                continue
            seconds, others = answer.value
            if others.disturbs:
                on_message(
                    f"{entry.model}: other programs used {100 * others.share:.0f} % of the CPUs"
                    " while its latency was measured, so it is too long"
                )
            found[entry.key] = entry.with_(latency=seconds)
            bank.amend(found[entry.key])
    return found
