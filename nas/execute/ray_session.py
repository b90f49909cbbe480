"""A private, local, silent Ray instance, started for one run and removed after it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from nas.import_path import cwd_left_out, importable
from nas.processes.scratch import Scratch
from nas.processes.signals import stops_held
from nas.schema import ProblemError, one_line

OBJECT_STORE_BYTES = 80 * 2**20
"""Ray's minimum is 75 MiB; only small messages travel. Containers often have 64 MiB of /dev/shm."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Despite its name, this means "this machine only" on every system: Ray then listens on the
    # loopback address. No other machine can reach it, and a change of network cannot end a long
    # campaign.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Ctrl-C belongs to the campaign: Tune's own handler ends trials silently.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # The ledger keeps the records: no CSV, JSON or TensorBoard files, no snapshots, no tables.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    # The raylet prints each dead worker to the terminal, whatever log_to_driver is. Lines that
    # match this are not printed. Ray reads it on import.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_ROTATION_MAX_BYTES": str(10 * 2**20),
    "RAY_ROTATION_BACKUP_COUNT": "1",
    # Trials write to paths relative to the directory where the campaign was started.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # A worker without a GPU must see none; the default differs between versions of Ray.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    # Ray would lower its workers' priority: on a busy machine they would wait for ever.
    "RAY_worker_niceness": "0",
    # One thread per trial: two on a busy machine are tens of times slower, not faster.
    "OMP_NUM_THREADS": "1",
}


@contextmanager
def ray_session(*, workers: int) -> Iterator[Path]:
    """A Ray instance with `workers` CPUs on this machine only; yields a folder for files. Ray does
    not manage GPUs.

    An instance that is already running is used and kept. Otherwise all its processes and files
    are removed at the end. Environment variables are restored. Raises ProblemError if Ray does
    not start.
    """
    with _environment():
        import ray

        scratch = Scratch("ray", short=True)
        ours = not ray.is_initialized()
        try:
            if ours:
                _start(scratch.path, workers)
            yield scratch.path
        finally:
            if ours:
                _stop()
            scratch.remove()


def _start(root: Path, workers: int) -> None:
    import ray
    from ray.job_config import JobConfig

    try:
        # Ray's processes inherit the signal mask: signals to the campaign do not end them.
        with stops_held(), cwd_left_out():
            ray.init(
                address="local",  # never a cluster that RAY_ADDRESS happens to name
                num_cpus=workers,
                num_gpus=0,
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                # Otherwise Ray puts the working directory first on its workers' import path.
                job_config=JobConfig(_client_job=True),
                _temp_dir=str(root),
            )
    except Exception as error:
        raise ProblemError(
            f"Ray does not start ({one_line(error)})", where="--executor", fix="use local"
        ) from error
    # Tune's report of a failed trial is in its Outcome.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)


def _stop() -> None:
    import ray
    from ray._private.worker import global_worker

    # The processes ignore the SIGTERM with which Ray ends them one by one, and it would wait a
    # second for each.
    node = global_worker.node  # None if Ray did not start
    processes = (
        [info.process for kind in node.all_processes.values() for info in kind] if node else []
    )
    below: list[psutil.Process] = []
    for process in processes:
        process.terminate = process.kill
        with suppress(psutil.NoSuchProcess):
            below += psutil.Process(process.pid).children(recursive=True)
    with stops_held():
        ray.shutdown()
    for process in below:  # without the raylet they would take a minute to end
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def _environment() -> Iterator[None]:
    """Sets Ray's environment variables, which its workers inherit, and restores them."""
    # As in multiprocessing: a worker can import what this process can, nas from a checkout too.
    changes = {**SETTINGS, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(importable())}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
