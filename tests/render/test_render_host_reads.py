"""The counter of reads sees every way in which a host waits."""

from collections.abc import Callable

import pytest
import torch
from host_reads import HostReads

X = torch.arange(6.0)


@pytest.mark.parametrize(
    "read",
    [
        lambda: X.sum().item(),
        lambda: X.tolist(),
        lambda: bool(X.any()),
        lambda: float(X.max()),
        lambda: int(X.max()),
        lambda: X.cpu(),
        lambda: X[X > 2],
        lambda: X.clone().index_put_((X > 2,), torch.zeros(())),
        lambda: X.nonzero(),
        lambda: X.masked_select(X > 2),
        lambda: X.repeat_interleave(X.long()),
        lambda: X.unique(),
    ],
)
def test_a_read_is_seen(read: Callable[[], object]) -> None:
    with HostReads() as reads:
        read()
    assert reads.seen


def test_bincount_waits_twice() -> None:
    with HostReads() as reads:
        X.long().bincount(minlength=3).tolist()
    assert reads.seen == ["bincount", "bincount", "tolist"]


def test_what_reads_nothing_is_not() -> None:
    with HostReads() as reads:
        X[torch.tensor([1, 2])], X.masked_fill(X > 2, 0.0), X.where(X > 2, X.sum()), X.topk(2)
    assert reads.seen == []
    assert reads.operations > 4
