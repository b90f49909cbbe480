"""Sizes as people type them."""

import pytest

from nas.schema import UsageError
from nas.schema.size import parse_size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("12M", 12_000_000),
        ("500k", 500_000),
        ("1.5m", 1_500_000),
        ("2B", 2 * 10**9),
        ("20GB", 20 * 10**9),
        (" 3T ", 3 * 10**12),
        ("7", 7),
    ],
)
def test_what_they_stand_for(text: str, count: int) -> None:
    assert parse_size(text, "--max-params") == count


@pytest.mark.parametrize(
    "text", ["", "M", "-3M", "0", "0.2", "12 M M", "1e6", "12MM", "١M", "nan", "9" * 31]
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--max-params.*is not a size — write 500k, 12M"):
        parse_size(text, "--max-params")
