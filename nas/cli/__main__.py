"""`nas`: parse, call, print. Exit codes: 0 done, 1 error, 2 usage, 75 stopped, 130 interrupted."""

# Here only what Python has loaded by itself: anything else could come from the working directory.
import gc
import io
import os
import sys


def main() -> None:
    """The console script's entry: the only place that turns problems into text and exit codes."""
    try:
        _run()
    except KeyboardInterrupt:  # while modules are loaded, too
        sys.exit(130)


def _run() -> None:
    _leave_cwd_out()
    # Modules are not garbage: looking for some while they load takes an eighth of a short command.
    gc.set_threshold(50_000)
    from nas.schema import ProblemError, UsageError  # and all else from where it was installed

    # Trials get one thread each: more are 20 to 50 times slower on a busy machine. Set before
    # anything loads a maths library, and inherited by every worker.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A terminal whose encoding lacks a character gets a question mark, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        from nas.cli.app import app

        app()
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        sys.exit(0)  # as below: click has noticed it first
    except ProblemError as error:
        _say(str(error))
        _trace()
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:  # `head`, for instance, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{(error.strerror or str(error)).lower()}")
        sys.exit(1)
    except Exception:  # rows are read without checks: are damaged ones the cause?
        import traceback

        from nas import debugging

        if debugging.let_through:
            raise
        damage = _damage()
        _say(str(damage) if damage else traceback.format_exc(), lines=damage is None)
        sys.exit(1)


def _leave_cwd_out() -> None:
    """Removes the working directory from the import path before anything is imported from it.

    The module that does this needs imports itself, so a minimal version comes first.
    """
    here, library = os.path.realpath(os.curdir), os.path.dirname(os.path.realpath(os.__file__))  # noqa: PTH120
    whole = sys.path[:]
    if here != library:
        sys.path[:] = [entry for entry in whole if os.path.realpath(entry or os.curdir) != here]
    from nas.import_path import leave_cwd_out

    sys.path[:] = whole
    leave_cwd_out()


def _damage() -> Exception | None:
    """The first damaged row of the ledgers that were read; None if there is none."""
    from contextlib import suppress

    from nas.ledger.base import OPENED, LedgerBase
    from nas.schema import ProblemError

    for url in OPENED:
        with suppress(ProblemError):
            if damage := LedgerBase(url).damage():
                return damage
    return None


def _trace() -> None:
    """Prints the error's traceback, with `-v`."""
    import traceback

    from nas.cli.volume import verbose

    if verbose():
        _say(traceback.format_exc(), lines=True)


def _say(problem: str, *, lines: bool = False) -> None:
    """Prints an error as one line, or with `lines` several, control characters escaped."""
    from nas.schema.visible import visible

    print(f"nas: {visible(problem, lines=lines)}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
