"""`nas screen` takes the latest bank that fits what is given."""

from pathlib import Path
from typing import Any

import pytest
from ledger_maker import SPACE

from nas.campaign import bank
from nas.campaign.bank import bank_members, fitting_bank, single_expert_space
from nas.ledger import Ledger
from nas.schema import BankConfig, ScreenConfig

CONFIG = ScreenConfig(dataset="digits", hold_out=0.2)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Banks that differ in their epochs, seeds, hold-outs and data; all their experts are there."""
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    there: set[str] = set()
    for name, epochs, changes in (
        ("short", 2, {}),
        ("long", 9, {}),
        ("seeded", 9, {"replicate": 3}),
        ("held", 9, {"hold_out": 0.5}),
        ("tuned", 9, {"experts": "long"}),
        ("others", 9, {"dataset": "synthetic"}),
        ("empty", 4, {}),
    ):
        settings: dict[str, Any] = {"dataset": "digits", "hold_out": 0.2, **changes}
        config = BankConfig(**settings)
        space = SPACE.with_(recipe=SPACE.recipe.with_(epochs=epochs))
        ledger.create_campaign(name, single_expert_space(space), config)
        if name != "empty":
            there |= {member.key for member in bank_members(space, config)}

    def existing(_: object, experts: Any) -> dict[str, None]:
        return {expert.key: None for expert in experts if expert.key in there}

    monkeypatch.setattr(bank, "existing_entries", existing)
    return ledger


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "held"),
        ({"hold_out": 0.2}, "seeded"),
        ({"replicate": 0, "hold_out": 0.2}, "long"),
        ({"replicate": 7}, None),
        ({"recipe": {"epochs"}}, "short"),  # the space's own, as if it were typed
    ],
)
def test_the_latest_that_fits(ledger: Ledger, given: dict[str, Any], name: str | None) -> None:
    found = fitting_bank(ledger, SPACE, CONFIG, **given)
    assert (found and found[0]) == name
    if found:
        _, space, config = found
        row = ledger.campaign(name)
        assert space == SPACE.with_(recipe=row.space.recipe)
        assert (config.hold_out, config.replicate) == (row.config.hold_out, row.config.replicate)
        keys = {member.key for member in bank_members(space, config)}
        assert keys == {member.key for member in bank_members(row.space, row.config)}


def test_other_data_and_tuned_experts(ledger: Ledger) -> None:
    others = fitting_bank(ledger, SPACE, CONFIG.with_(dataset="synthetic"))
    assert others is not None
    assert others[0] == "others"
    tuned = fitting_bank(ledger, SPACE, CONFIG.with_(experts="bank"))
    assert tuned is not None
    assert tuned[0] == "tuned"
    assert fitting_bank(ledger, SPACE.with_(image_size=8), CONFIG) is None
