"""Shell completion: names known on this machine. Errors give no completions."""

from collections.abc import Callable, Iterable

import typer

from nas.registry import Registry
from nas.schema.visible import visible

Completer = Callable[[typer.Context, str], list[str]]


def _completer(known: Callable[[typer.Context], Iterable[str]]) -> Completer:
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            names = [name for name in known(ctx) if name.startswith(incomplete)]
            return [name for name in names if visible(name) == name]
        except Exception:  # an error would garble the line being typed
            return []

    return complete


def _spaces(_: typer.Context) -> Iterable[str]:
    from nas.space import available

    return available()


def _datasets(_: typer.Context) -> Iterable[str]:
    from nas.data import describe

    return [known.typed.removesuffix("PATH") for known in describe()]


def _reports(_: typer.Context) -> Iterable[str]:
    from nas.results import tables

    return tables()


def _campaigns(ctx: typer.Context) -> Iterable[str]:
    from nas.ledger import Ledger

    return Ledger(ctx.params.get("db") or "runs.db").campaign_names()


spaces = _completer(_spaces)
datasets = _completer(_datasets)
reports = _completer(_reports)
campaigns = _completer(_campaigns)


def registered(registry: Registry, *more: str) -> Completer:
    """Completes the names in a registry, and `more`."""
    return _completer(lambda _: (*registry.names(), *more))


def words(*known: str) -> Completer:
    """Completes a fixed list."""
    return _completer(lambda _: known)
