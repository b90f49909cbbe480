"""Finding one candidate, and showing it."""

import io
import json
from pathlib import Path

import pytest
from ledger_maker import CODE, Maker, epoch

from nas.ledger import Ledger
from nas.ledger.lookup import find
from nas.report import Terminal
from nas.report.show import details, shown
from nas.schema import Metric, Outcome, ProblemError, Role, SearchConfig, Status, TrainingEvent


def text_of(found: dict[str, object], width: int = 120, *, tracebacks: bool = False) -> str:
    console = Terminal(width=width, no_color=True, file=io.StringIO())
    console.print(shown(found, tracebacks=tracebacks))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_everything_about_a_candidate(maker: Maker) -> None:
    leased = maker.trained(
        *("ant_s", "bee_s"),
        val=0.9,
        test=0.88,
        inside=(0.8, 0.86),
        usage=(0.3, 0.7),
        uniform=0.87,
        oracle=0.95,
    )
    maker.control("ant_s", 0.8, 0.79)
    maker.control("bee_s", 0.75, 0.7)
    maker.control("bee_m", 0.99)  # of the same family, but not the member in it
    found = details(Ledger(maker.path), leased.candidate.key)
    assert json.loads(json.dumps(found)) == found
    assert (found["key"], found["number"]) == (leased.candidate.key, 0)
    assert (found["families"], found["members"]) == ("ant+bee", "ant_s+bee_s")
    assert found["gate"] == {"mixing": "soft"}
    assert (found["outcome"], found["val_acc"], found["test_acc"]) == ("ok", 0.9, 0.88)
    assert found["baselines"] == {
        "alone": {"val_acc": 0.8, "test_acc": 0.79},
        "uniform": {"val_acc": 0.87, "test_acc": 0.87},
        "oracle": {"val_acc": 0.95, "test_acc": 0.95},
    }
    assert found["experts"][1] == {
        "family": "bee",
        "model": "bee_s",
        "val_acc": 0.86,
        "test_acc": 0.86,
        "usage": 0.7,
        "alone_val_acc": 0.75,
        "alone_test_acc": 0.7,
    }
    assert [epoch["val_acc"] for epoch in found["epochs"]] == [0.45, 0.9]
    assert found["code"] == CODE
    assert found["environment"] == {"python": "3.11"}
    text = text_of(found)
    for part in ("#0 ant bee", "90.00", "oracle: any expert right", "95.00", "▁█"):
        assert part in text
    assert "def build" not in text  # `nas show --code` prints it


@pytest.mark.parametrize("role", [Role.SEARCH, Role.CONTROL])
def test_one_expert_is_no_mixture(maker: Maker, role: Role) -> None:
    """A bank's experts have the search's role, and a search's controls their own."""
    leased = maker.trained("ant_s", val=0.9, inside=(0.9,), usage=(1.0,), role=role)
    text = text_of(details(Ledger(maker.path), leased.candidate.key))
    assert "this network" in text
    for part in ("mixture", "best member alone", "any expert right"):
        assert part not in text


def test_a_failure_and_its_retries(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    maker.finish(leased, Outcome(status=Status.OOM, seconds=4.0), final=False)
    end = Outcome(status=Status.OOM, stage="train", message="too big", detail="at\nline", seconds=6)
    maker.finish(leased, end)
    found = details(maker.ledger, "#0")
    assert (found["outcome"], found["val_acc"], found["seconds"]) == ("oom", None, 10.0)
    assert [attempt["message"] for attempt in found["attempts"]] == ["", "too big"]
    assert found["attempts"][1]["detail"] == "at\nline"
    assert found["baselines"]["alone"] == {"val_acc": None, "test_acc": None}
    assert "too big" in text_of(found)
    assert "at\nline" not in text_of(found)
    assert "attempt 2\nat\nline" in text_of(found, tracebacks=True)
    for part in ("accuracy", "mixture\n", "params", "epochs", "best member alone"):
        assert part not in text_of(found), part


def test_an_open_candidate(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")
    found = details(maker.ledger, "0")
    assert (found["outcome"], found["attempts"], found["environment"]) == (None, [], {})
    text = text_of(found)
    assert "open" in text
    for part in ("accuracy", "params", "time", "–", "epochs", "attempts"):
        assert part not in text, part


def test_numbers_are_whole_on_a_narrow_terminal(maker: Maker) -> None:
    leased = maker.trained("ant_s", "bee_s", val=0.9, inside=(0.8, 0.86), usage=(0.3, 0.7))
    maker.control("ant_s", 0.8, 0.79)
    text = text_of(details(maker.ledger, leased.candidate.key), 62)
    for part in ("weight", "30.00", "86.00", "79.00"):
        assert part in text, text


def test_weights_and_work_are_named_apart(maker: Maker) -> None:
    """An expert may have most weight, and get no more images than the others."""
    leased = maker.draw("ant_s", "bee_s")
    attempt = maker.start(leased)
    shares = Metric(name="expert_shares", value=(0.55, 0.45), split="val", layer="gate")
    even = Metric(name="entropy_norm", value=0.99, split="val", layer="gate")
    maker.store.epoch(attempt, epoch(1).with_(metrics=(shares, even)))
    maker.store.finish(leased, attempt, Outcome(status=Status.OK, val_acc=0.5), final=True)
    text = text_of(details(maker.ledger, leased.candidate.key), 160)
    assert "55.00, 45.00 %" in text
    words = " ".join(text.split())
    assert "images sent to each: Each expert's share of the tokens" in words
    assert "entropy norm: H(q) / ln E, q the experts' shares of the work" in words


def key_of(maker: Maker, ident: str, campaign: str | None = None) -> str:
    return find(maker.ledger, ident, campaign).candidate.key


def test_the_best_is_the_first_of_the_leaderboard(maker: Maker) -> None:
    with pytest.raises(ProblemError, match="no candidate has succeeded yet"):
        find(maker.ledger, "best")
    maker.trained("ant_s", "bee_s", val=0.5)
    second = maker.trained("ant_s", "cat_s", val=0.7).candidate.key
    maker.trained("bee_s", "cat_s", val=0.7)
    maker.control("ant_s", 0.9)
    name = maker.ledger.campaign().name
    assert key_of(maker, "best") == key_of(maker, f"{name}/best") == second


def test_names(maker: Maker) -> None:
    keys = [maker.trained("ant_s", "bee_s", val=0.5, replicate=n).candidate.key for n in range(40)]
    for number, key in enumerate(keys):
        assert key_of(maker, key) == key
        assert key_of(maker, f"#{number}") == key
        assert key_of(maker, key[:12]) == key
    with pytest.raises(ProblemError, match="no candidate matches '#40'"):
        find(maker.ledger, "#40")
    for nonsense in ("", "#", "xyz", "%", "0x1", "-1", "#1 OR 1"):
        with pytest.raises(ProblemError, match="no candidate matches"):
            find(maker.ledger, nonsense)


def test_an_ambiguous_name(maker: Maker) -> None:
    keys = [maker.trained("ant_s", "bee_s", val=0.5, replicate=n).candidate.key for n in range(40)]
    # 40 keys, 16 first digits: two of them share one that is a letter or a digit.
    digit = next(d for d in "abcdef" if sum(key.startswith(d) for key in keys) > 1)
    with pytest.raises(ProblemError, match="matches several candidates") as caught:
        find(maker.ledger, digit)
    assert next(key for key in reversed(keys) if key.startswith(digit)) in caught.value.problem.fix


def test_a_number_that_is_a_key_s_beginning_too(maker: Maker) -> None:
    keys = [maker.trained("ant_s", "bee_s", val=0.5, replicate=n).candidate.key for n in range(40)]
    both = next(n for n in range(40) if any(k.startswith(str(n)) and k != keys[n] for k in keys))
    assert key_of(maker, str(both)) == key_of(maker, f"#{both}") == keys[both]


def test_a_role_and_a_number_as_they_are_printed(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    control = maker.control("ant_s", 0.5).candidate.key
    confirm = maker.trained("ant_s", "bee_s", val=0.6, replicate=1, role=Role.CONFIRM).candidate.key
    for typed in ("control 0", "control-0", "first/control 0", "Control 0", "control #0"):
        assert key_of(maker, typed) == control
    assert text_of(details(maker.ledger, control)).startswith("control 0 ant")
    assert key_of(maker, "confirm 0") == confirm
    with pytest.raises(ProblemError, match="no candidate matches 'control 1'"):
        find(maker.ledger, "control 1")


def test_which_there_are_of_a_role(maker: Maker) -> None:
    def fix_of(typed: str) -> str:
        with pytest.raises(ProblemError, match="no candidate matches") as caught:
            find(maker.ledger, typed)
        return caught.value.problem.fix

    maker.trained("ant_s", "bee_s", val=0.5)
    for seed in range(1, 7):
        maker.trained("ant_s", "bee_s", val=0.5, replicate=seed, role=Role.REPLICATE)
    maker.control("ant_s", 0.5)
    assert fix_of("replicate 99") == "the campaign has `replicate 0` to `replicate 5`"
    assert fix_of("first/control-7") == "the campaign has `control 0` alone"
    assert fix_of("confirm 0") == "the campaign has no `confirm N`"
    for typed in ("99", "xyz"):
        assert fix_of(typed).startswith("`nas report leaderboard` lists them by number")
    gone = maker.draw("ant_s", "bee_s", replicate=7, role=Role.REPLICATE)
    maker.trained("ant_s", "bee_s", val=0.5, replicate=8, role=Role.REPLICATE)
    assert maker.store.supersede(gone, None) is None
    assert fix_of("replicate 6") == "the campaign has `replicate 0` to `replicate 7`, 7 in all"


def test_a_name_with_its_campaign(maker: Maker) -> None:
    leased = maker.trained("ant_s", "bee_s", val=0.5)
    maker.ledger.create_campaign("se/cond", maker.space, SearchConfig())
    for typed in ("first/0", "first/#0", f"first/{leased.candidate.key[:9]}"):
        assert key_of(maker, typed) == leased.candidate.key
        assert key_of(maker, typed, "first") == leased.candidate.key
    with pytest.raises(ProblemError, match="no candidate matches 'se/cond/0'"):
        find(maker.ledger, "se/cond/0")
    with pytest.raises(ProblemError, match="no campaign is named 'third'"):
        find(maker.ledger, "third/0")
    with pytest.raises(ProblemError, match="is in campaign first, but --campaign names se/cond"):
        find(maker.ledger, "first/0", "se/cond")


def test_numbers_are_the_search_s_and_the_campaign_s(maker: Maker) -> None:
    maker.control("ant_s", 0.5)
    leased = maker.trained("ant_s", "bee_s", val=0.5)
    confirmed = maker.trained("ant_s", "bee_s", val=0.6, replicate=1, role=Role.CONFIRM)
    assert key_of(maker, "#0") == leased.candidate.key
    assert details(maker.ledger, confirmed.candidate.key)["role"] == "confirm"
    maker.ledger.create_campaign("second", maker.space, SearchConfig())
    with pytest.raises(ProblemError, match="no candidate"):
        find(maker.ledger, "#0")  # the latest campaign has none
    assert key_of(maker, "#0", "first") == leased.candidate.key
    assert key_of(maker, leased.candidate.key) == leased.candidate.key  # keys are sought everywhere
    with pytest.raises(ProblemError, match="no candidate"):
        find(maker.ledger, leased.candidate.key, "second")


def test_an_empty_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    with pytest.raises(ProblemError, match="this ledger has no campaign yet"):
        details(ledger, "#0")


def test_how_it_routes(maker: Maker) -> None:
    leased = maker.trained("ant_s", "bee_s", val=0.9)
    found = details(Ledger(maker.path), leased.candidate.key)
    assert [(row["epoch"], row["split"], row["layer"]) for row in found["metrics"]] == [
        (2, "val", "gate"),
        (2, "train", ""),
    ]
    assert found["metrics"][0]["data"] == {"gate_entropy": 0.6, "expert_shares": [0.25, 0.75]}
    assert "routing" in text_of(found)


def test_what_happened_in_training(maker: Maker) -> None:
    """The first events; those of an epoch that was trained again as it was trained last."""
    events = tuple(
        TrainingEvent(kind="growth", step=n, reason=f"plateau {n}", data={"experts": n})
        for n in range(1, 13)
    )
    leased = maker.draw("ant_s", "bee_s")
    first = maker.start(leased)
    maker.store.epoch(first, epoch(1).with_(events=events[:1]))
    maker.store.epoch(first, epoch(2).with_(events=(events[0].with_(reason="lost"),)))
    again = maker.start(leased, resumed_from=first)
    maker.store.epoch(again, epoch(2).with_(events=events[1:]))
    found = details(Ledger(maker.path), "0")
    assert [event["reason"] for event in found["events"]] == [event.reason for event in events]
    assert found["events"][1] == {
        "attempt_id": again,
        "epoch": 2,
        "step": 2,
        "kind": "growth",
        "reason": "plateau 2",
        "data": {"experts": 2},
    }
    text = text_of(found)
    assert "plateau 10 " in text
    assert "plateau 11" not in text
    assert "… and 2 more" in text
    plain = maker.trained("ant_s", "cat_s", val=0.5)
    assert "events of training" not in text_of(details(Ledger(maker.path), plain.candidate.key))
