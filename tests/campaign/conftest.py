from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaign_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    """Makes a campaign with the given settings in a ledger of its own."""

    def make(**config: Any) -> Bench:
        return Bench(tmp_path, **config)

    return make
