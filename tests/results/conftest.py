"""Analyses are tested on ledgers that are written as a campaign writes them."""

from pathlib import Path

import pytest
from ledger_maker import Maker

from nas.schema import Role


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", sampler="uniform")


@pytest.fixture
def filled(maker: Maker) -> Maker:
    """Four candidates of the search, two controls, two confirmations, one benching.

    #0 ant+bee soft ok .90, #1 ant+cat soft ok .70, #2 bee+dog top1 oom, #3 cat+dog soft, open.
    """
    maker.trained(
        *("ant_s", "bee_s"),
        val=0.9,
        test=0.88,
        inside=(0.8, 0.86),
        usage=(0.3, 0.7),
        uniform=0.87,
        oracle=0.95,
    )
    maker.trained(
        "ant_s", "cat_s", val=0.7, test=0.68, inside=(0.6, 0.5), usage=(0.9, 0.1), uniform=0.66
    )
    maker.failed("bee_m", "dog_s", mixing="top1", seconds=5.0)
    maker.draw("cat_s", "dog_s")
    maker.control("ant_s", 0.8, 0.79)
    maker.control("bee_s", 0.85, 0.83)
    maker.trained("ant_s", "bee_s", val=0.86, test=0.84, replicate=1, role=Role.CONFIRM)
    maker.trained("ant_s", "bee_s", val=0.88, test=0.86, replicate=2, role=Role.CONFIRM)
    maker.store.event("benched", family="dog", after=6)
    return maker
