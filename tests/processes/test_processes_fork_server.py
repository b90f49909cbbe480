"""Workers forked from a server: what they inherit, and what becomes of them with it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nas.processes import Failure, Sandbox
from nas.processes.child import Child
from nas.processes.exits import outcome_of_exit
from nas.processes.fork_server import FORK_SERVER
from nas.processes.signals import STOPS
from nas.schema import Status

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="used on Linux only")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def server() -> psutil.Process:
    assert FORK_SERVER.wait()
    assert FORK_SERVER._process is not None
    return FORK_SERVER._process


def kill(process: psutil.Process) -> None:
    """multiprocessing waits for it, so that this may not."""
    process.kill()
    while process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


def test_forks_share_one_server_that_has_imported_torch(sandbox: Sandbox) -> None:
    loaded = sandbox.call("builtins:eval", "'torch' in __import__('sys').modules")
    assert loaded.value is True
    with Sandbox() as other:
        parents = {each.call(os.getppid).value for each in (sandbox, other)}
    assert parents == {server().pid}


def test_a_fork_has_the_settings_of_its_owner_not_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server()
    monkeypatch.setenv("NAS_TEST", "new")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("PATH")
    with Sandbox() as sandbox:
        assert sandbox.call("os:getenv", "NAS_TEST").value == "new"
        assert sandbox.call("os:getenv", "PATH").value is None
        for name in ("TORCHINDUCTOR_CACHE_DIR", "NAS_FORK_SERVER_IMPORTING"):
            assert sandbox.call("os:getenv", name).value == os.environ.get(name)
        assert sandbox.call("os:getenv", "PYTHONSAFEPATH").value == "1"  # for its own children
        assert sandbox.call("tempfile:gettempdir").value == str(tmp_path)
        assert sandbox.call("torch:get_num_threads").value == 1
    with Sandbox("") as sandbox:
        assert sandbox.call("os:getenv", "CUDA_VISIBLE_DEVICES").value == ""


@pytest.mark.parametrize(("devices", "cuda"), [("0", False), (None, True)])
def test_a_process_that_uses_cuda_is_spawned(devices: str | None, cuda: bool) -> None:
    with Sandbox(devices, cuda=cuda) as sandbox:
        assert sandbox.call(os.getppid).value == os.getpid()


def test_stop_signals_do_not_end_the_server(sandbox: Sandbox) -> None:
    process = server()
    for number in STOPS:
        process.send_signal(number)
    assert sandbox.call(os.getppid).value == process.pid
    assert process.is_running()


@pytest.mark.proof
def test_a_server_that_dies_takes_its_forks_along_and_is_replaced(sandbox: Sandbox) -> None:
    first = server()
    assert sandbox.call(os.getppid).value == first.pid
    kill(first)
    assert sandbox.call(time.sleep, 60).failure is Failure.DIED
    assert sandbox.call(os.getppid).value == server().pid != first.pid


@pytest.mark.proof
def test_a_server_that_dies_as_it_forks_is_done_without(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = server()

    def dies() -> bool:
        kill(first)
        return True

    with monkeypatch.context() as patched:
        patched.setattr(FORK_SERVER, "wait", dies)
        assert sandbox.call(os.getppid).value == os.getpid()
    assert sandbox.call(os.getppid).ok
    with Sandbox() as other:
        assert other.call(os.getppid).value == server().pid != first.pid
        assert other.call("builtins:eval", "'torch' in __import__('sys').modules").value is True


def end_of(child: Child) -> int | None:
    while child.recv() is not None:
        pass
    return child.exitcode


def test_that_end_is_not_taken_for_a_crash_of_the_candidate() -> None:
    assert outcome_of_exit(None)[0] is Status.KILLED
    children = [Child(), Child()]
    for child in children:
        child.send(time.sleep, 60)
    first = server()
    kill(first)
    assert end_of(children[0]) is None
    assert server().pid != first.pid  # replaced before the other end is seen
    assert end_of(children[1]) is None
    for child in children:
        child.close()


def test_a_crash_with_the_same_exit_code_is_one() -> None:
    child = Child()
    child.send(os._exit, 255)
    assert end_of(child) == 255
    child.close()


UNUSABLE = """
import multiprocessing, os, sys
from pathlib import Path
from nas.processes.fork_server import FORK_SERVER
from nas.processes.sandbox import Sandbox

def spawned():
    with Sandbox() as sandbox:
        return sandbox.call(os.getppid).value == os.getpid()

def in_a_fork():
    os._exit(0 if spawned() else 1)

if __name__ == "__main__":
    FORK_SERVER.root = Path(sys.argv[1])  # too long for a socket
    print(spawned())
    FORK_SERVER.root, FORK_SERVER.IMPORT_SECONDS = None, 0.0
    print(spawned())
    FORK_SERVER.IMPORT_SECONDS = 60.0
    while FORK_SERVER._importing.exists():
        pass
    print(not spawned())
    fork = multiprocessing.get_context("fork").Process(target=in_a_fork)
    fork.start()
    fork.join()
    print(fork.exitcode == 0)
"""


def test_without_a_server_processes_are_spawned(tmp_path: Path) -> None:
    """Where there is no room for its socket, while it imports for long, and in a fork."""
    root = tmp_path / ("long" * 30)
    root.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", UNUSABLE, root], check=False, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True"] * 4, done.stderr


def nested() -> int:
    """Runs in a fork: a server of its own, and a process from that."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=time.sleep, args=(0,))
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.proof
def test_a_fork_can_have_a_server_of_its_own(sandbox: Sandbox) -> None:
    answer = sandbox.call(nested)
    assert answer.value == 0
    assert server().is_running()


KILLED = """
import os, sys, time
from nas.processes.child import Child
from nas.processes.fork_server import FORK_SERVER
if __name__ == "__main__":
    child = Child()
    child.send("torch:zeros", 1)
    while (message := child.recv()) is not None and type(message).__name__ != "Returned":
        pass
    child.send("time:sleep", 600)
    child.recv()
    print(FORK_SERVER.pid, child.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.proof
def test_nothing_survives_an_owner_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        serving, child = owner.stdout.readline().split()
        family = [psutil.Process(int(pid)) for pid in (serving, child)]
        owner.kill()
    assert psutil.wait_procs(family, timeout=60)[1] == []


WAITING = """
import signal
from nas.processes.fork_server import FORK_SERVER
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
FORK_SERVER.start()
try:
    print("started", flush=True)
    FORK_SERVER.wait()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_is_answered_while_the_server_imports() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
