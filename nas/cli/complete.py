"""What a shell offers behind TAB: names that this machine knows. Silent whatever goes wrong."""

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
        except Exception:  # a half-typed line has no place for an error
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
    """Of what there is of a kind, and more."""
    return _completer(lambda _: (*registry.names(), *more))


def words(*known: str) -> Completer:
    """Of a fixed list."""
    return _completer(lambda _: known)
