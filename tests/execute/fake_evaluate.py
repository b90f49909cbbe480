"""Stands in for `nas.worker.evaluate` in workers: a trial's `code` says what shall happen."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from nas.schema import Epoch, Outcome, Status, Trial

SOON = 250.0
"""Seconds a fake waits for another process before it gives up."""


def make_epoch(number: int) -> Epoch:
    return Epoch(
        epoch=number,
        train_loss=1.0 / number,
        train_acc=0.5,
        val_loss=1.0,
        val_acc=0.5,
        lr=0.1,
        images_per_second=100.0,
        seconds=0.01,
        peak_memory_bytes=1000 * number,
    )


def evaluate(trial: Trial) -> Iterator[Epoch | Outcome]:
    """`deed [argument]`: some deeds end the process, some never end."""
    deed, _, argument = trial.code.partition(" ")
    try:
        yield from DEEDS[deed](trial, argument)
    finally:
        # Where it ended, for tests of stopping: written when the generator is closed, too.
        folder = Path(trial.folder)
        if folder.is_dir():
            (folder / f"closed-{trial.attempt}").write_text(str(os.getpid()))


def ok(trial: Trial, epochs: str) -> Iterator[Epoch | Outcome]:
    for number in range(1, int(epochs or 1) + 1):
        yield make_epoch(number)
    # What the worker saw goes back in the message.
    threads = os.environ.get("OMP_NUM_THREADS")
    yield Outcome(
        status=Status.OK,
        message=f"pid={os.getpid()} nice={os.nice(0)} device={device()} threads={threads}",
        val_acc=0.5,
    )


def segv(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    yield make_epoch(1)
    ctypes.string_at(0)


def leave(trial: Trial, code: str) -> Iterator[Epoch | Outcome]:
    yield make_epoch(1)
    os._exit(int(code))


def kill(trial: Trial, number: str) -> Iterator[Epoch | Outcome]:
    yield make_epoch(1)
    os.kill(os.getpid(), int(number or signal.SIGKILL))
    time.sleep(SOON)


def sleep(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    yield make_epoch(1)
    time.sleep(1e6)


def deafen(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    """Keeps the process that watches over it stopped."""
    yield make_epoch(1)
    watcher = os.getppid()
    while True:
        os.kill(watcher, signal.SIGSTOP)
        time.sleep(0.01)


def halt(trial: Trial, times: str) -> Iterator[Epoch | Outcome]:
    """Stops its own process, so many times."""
    yield make_epoch(1)
    for _ in range(int(times)):
        os.kill(os.getpid(), signal.SIGSTOP)
    yield Outcome(status=Status.OK)


def hold_gil(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    yield make_epoch(1)
    ctypes.PyDLL(None).sleep(10**6)  # PyDLL, unlike CDLL, keeps the GIL


def throw(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    raise ValueError("as told\nwith a second line")
    yield


def quit_python(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    yield make_epoch(1)
    sys.exit(3)


def oom(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    yield Outcome(status=Status.OOM, stage="train", message="CUDA out of memory")


def huge(trial: Trial, size: str) -> Iterator[Epoch | Outcome]:
    sys.stdout.write("x" * int(size))
    sys.stderr.write("y" * int(size))
    os.write(1, b"z" * int(size))
    yield make_epoch(1)
    yield Outcome(status=Status.OK, detail="d" * int(size))


def silent(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    yield make_epoch(1)


def endless(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    number = 0
    while True:
        number += 1
        yield make_epoch(number)
        time.sleep(0.01)


def meet(trial: Trial, names: str) -> Iterator[Epoch | Outcome]:
    """`mine theirs`: ends well only while the other one runs too."""
    mine, theirs = names.split()
    folder = Path(trial.folder)
    (folder / mine).touch()
    until = time.monotonic() + SOON
    while not (folder / theirs).exists() and time.monotonic() < until:
        time.sleep(0.01)
    met = (folder / theirs).exists()
    yield Outcome(status=Status.OK if met else Status.TIMEOUT, message=f"device={device()}")


def share(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    """Ends well only if those that run meanwhile leave it its share of the GPU."""
    mine = Path(trial.folder) / f"{device()}-{trial.attempt}"
    mine.write_text(str(trial.memory_fraction or 1.0))
    yield make_epoch(1)
    taken = 0.0
    for other in Path(trial.folder).glob(f"{device()}-*"):
        with suppress(FileNotFoundError):
            taken += float(other.read_text() or 0)
    mine.unlink()
    yield Outcome(status=Status.OK if taken <= 1 else Status.OOM, message=f"device={device()}")


def use(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    """Needs a GPU that works, in a process that no trial before it has broken."""
    if broken() or not works():
        yield Outcome(
            status=Status.CRASH, stage="start", message="CUDA error: unknown", needs_restart=True
        )
        return
    yield make_epoch(1)
    yield Outcome(status=Status.OK, message=f"device={device()}")


def only(trial: Trial, deed: str) -> Iterator[Epoch | Outcome]:
    """`deed` where its GPU is dead, which that alone shows; ends well elsewhere."""
    name, _, argument = (deed if not works() else "ok").partition(" ")
    yield from DEEDS[name](trial, argument)


def break_later(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    """Leaves its process broken without anybody's having noticed."""
    os.environ["FAKE_BROKEN"] = "1"
    yield Outcome(status=Status.OK)


def spoil(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    """Breaks its process for CUDA, as an illegal memory access does."""
    yield Outcome(status=Status.CRASH, message=f"in {os.getpid()}", needs_restart=True)


def parent(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    """Has a child of its own, as a data loader has."""
    child = multiprocessing.get_context("fork").Process(target=os.getpid)
    child.start()
    child.join()
    yield Outcome(status=Status.OK, message=f"exitcode={child.exitcode}")


KEPT: list[bytes] = []


def grow(trial: Trial, megabytes: str) -> Iterator[Epoch | Outcome]:
    """Keeps memory for good."""
    KEPT.append(b"x" * (int(megabytes) * 2**20))
    yield Outcome(status=Status.OK, message=str(os.getpid()))


def terminate(trial: Trial, _: str) -> Iterator[Epoch | Outcome]:
    """Survives SIGTERM, and ends a forked child and another program by it."""
    os.kill(os.getpid(), signal.SIGTERM)
    forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(SOON,))
    forked.start()
    other = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({SOON})"])
    for child in (forked, other):
        child.terminate()
    forked.join()
    yield Outcome(status=Status.OK, message=str([forked.exitcode, other.wait()]))


DEEDS = {
    deed.__name__: deed
    for deed in (
        ok, segv, leave, kill, sleep, hold_gil, throw, quit_python, oom, huge, silent, endless,
        meet, parent, spoil, share, use, only, break_later, terminate,
        grow, deafen, halt,
    )
}  # fmt: skip


# GPUs that are not there: a device whose name begins with `dead` does not work.


def device() -> str:
    """What its process sees of the GPUs."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "")


def works() -> bool:
    return not device().startswith("dead")


def broken() -> bool:
    return "FAKE_BROKEN" in os.environ


def check() -> str:
    """As `nas.hardware.devices.check_first_gpu`, in a fresh process. A device named
    `ACCIDENT once FILE` fails its first check in that way."""
    assert not broken()
    name, _, once = device().partition(" once ")
    if once and not Path(once).exists():
        Path(once).touch()
        accident(name)
    if device().startswith("dead silent"):
        os._exit(1)
    if device().startswith("unasked"):
        accident(name.partition(" ")[2])
    return "" if works() else f"{device()} is dead"


def accident(name: str) -> None:
    """What keeps a check from answering."""
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "hangs":
        time.sleep(1000)
    raise ModuleNotFoundError("No module named 'torch'")


# Plain functions for the sandbox.


def add(a: int, b: int = 1) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def fail(text: str) -> None:
    raise ValueError(text)


def leave_with(code: int) -> None:
    os._exit(code)


def hang() -> None:
    """Holds the GIL until it is killed."""
    ctypes.PyDLL(None).sleep(10**6)


def quit_now() -> None:
    sys.exit(4)


def crash() -> None:
    ctypes.string_at(0)


def unpicklable() -> object:
    return lambda: None


def wrong_yield(trial: Trial) -> Iterator[str]:
    yield "neither an Epoch nor an Outcome"
