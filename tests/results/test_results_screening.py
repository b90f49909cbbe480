"""Whether a screen foretold training, on planted campaigns."""

import json
from pathlib import Path

import numpy as np
import pytest
from documented_columns import documented_columns
from ledger_maker import Maker
from planted_screen import SPACE, planted
from real_nas import inside
from scipy import stats

import nas
from nas.schema import ProblemError


def test_a_screen_that_is_right_is_found_right(tmp_path: Path) -> None:
    table = nas.table("screening", planted(tmp_path, noise=0.0).ledger)
    by = table.set_index(["predictor", "sample"])
    assert by.loc[("uniform", "control"), "kendall"] > 0.95  # equal sums are ties
    assert by.loc[("uniform_loss", "control"), "kendall"] > 0.95
    assert by.loc[("uniform", "control"), "n"] == 22
    assert by.loc[("uniform", "space"), "n"] == 28
    assert abs(by.loc[("params", "control"), "kendall"]) < 0.5
    assert by.loc[("gate", "control"), "n"] == 14  # the best twenty, less the six chosen
    assert np.isnan(by.loc[("static", "control"), "kendall"])  # none was fitted
    assert by.loc[("static", "control"), "n"] == 0
    note = table.attrs["note"]
    assert "6 chosen by uniform and 22 controls" in note
    assert "10.0 s to train, and 10.0 ms to score after 16 s for the bank's experts" in note
    # (16 + 0.28) s of bank and screen, at 10 s a training
    assert "bank, screen and these 6, 8 random candidates could have been trained" in note


def test_baselines_stand_beside_it(tmp_path: Path) -> None:
    """Planted proxies add up to the truth; a mixture's are missing where one of its members' is."""
    by = nas.table("screening", planted(tmp_path, noise=0.0).ledger).set_index("predictor")
    assert {"best_member", "params", "macs", "latency", "grad_norm", "naswot"} <= set(by.index)
    naswot = by.loc["naswot"].set_index("sample")
    assert naswot.loc["control", "kendall"] > 0.95
    assert naswot.loc["control", "n"] == 22
    assert (by.loc["grad_norm", "n"] == 0).all()


def test_intervals_hold_the_estimate_and_noise_widens_them(tmp_path: Path) -> None:
    table = nas.table("screening", planted(tmp_path, noise=0.05).ledger)
    known = table.dropna(subset=["kendall"])
    assert (known["kendall_low"] <= known["kendall"]).all()
    assert (known["kendall"] <= known["kendall_high"]).all()
    row = known.set_index(["predictor", "sample"]).loc[("uniform", "control")]
    assert 0.2 < row["kendall"] < 0.95
    assert row["kendall_high"] - row["kendall_low"] > 0.1


def test_the_space_is_what_all_of_it_would_give(tmp_path: Path) -> None:
    """Six of 28 chosen, and of the other 22 every second trained: the rest stand for two each."""
    maker = planted(tmp_path, noise=0.0, trained=0)
    from nas.ledger.screens import screened

    rows = screened(maker.ledger, 1)
    rng = np.random.default_rng(3)
    some = rows[(rows["rank"] <= 6) | (rows["rank"] % 2 == 0)]
    values = some["uniform"] + 0.05 * rng.standard_normal(len(some))
    for members, value in zip(some["members"], values, strict=True):
        maker.trained(*members.split("+"), val=float(value), mixing="soft")
    found = nas.table("screening", maker.ledger).set_index(["predictor", "sample"])
    times = np.where(some["rank"] <= 6, 1, 2)
    known = stats.kendalltau(np.repeat(some["uniform"], times), np.repeat(values, times)).statistic
    assert found.loc[("uniform", "space"), "kendall"] == pytest.approx(known)
    assert found.loc[("uniform", "space"), "n"] == 17


def test_the_correction_learns_what_the_screen_missed(tmp_path: Path) -> None:
    """Soft mixing adds ten points, which no score of the screen knows."""
    maker = planted(tmp_path, noise=0.0)
    from nas.results import CampaignData
    from nas.results.screen_validation import arms, surrogate_scores

    data = CampaignData(maker.ledger, "first")
    trained = arms(data)
    trained["val_acc"] += 0.1 * (trained["choice mixing"] == "soft")
    predicted = surrogate_scores(trained, data.screened)
    plain = np.corrcoef(trained["uniform"], trained["val_acc"])[0, 1]
    assert np.corrcoef(predicted, trained["val_acc"])[0, 1] > max(0.9, plain + 0.02)


def test_few_candidates_give_what_can_be_reported(tmp_path: Path) -> None:
    table = nas.table("screening", planted(tmp_path, noise=0.0, trained=3).ledger)
    assert table.empty
    assert "needs 5 controls trained to the end, and there are none;" in table.attrs["empty"]
    assert "3 chosen by uniform and 0 controls" in table.attrs["note"]


def test_a_report_of_too_few_controls_is_a_sentence(tmp_path: Path) -> None:
    ledger = planted(tmp_path, noise=0.0, trained=10).ledger
    ledger.close()
    why = "needs 5 controls trained to the end, and there are 4; `nas search --from-screen 5` or"
    for form in ("table", "md"):
        messages = inside("report", "screening", "-f", form, cwd=tmp_path).stdout
        words = " ".join(messages.replace("\\", "").split())
        assert why in words
        assert "campaign first; 6 chosen by uniform and 4 controls; " in words
        assert words.index("The draw is adaptive") < words.index(why)
        assert "Kendall" not in messages
        assert "kendall" not in messages
    assert json.loads(inside("report", "screening", "-f", "json", cwd=tmp_path).stdout) == []
    columns = inside("report", "screening", "-f", "csv", cwd=tmp_path).stdout.strip()
    assert columns.startswith('"predictor","sample","kendall"')


def test_another_campaign_is_reported_what_to_do(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", space=SPACE)
    with pytest.raises(ProblemError, match="was not drawn from a screen"):
        nas.table("screening", maker.ledger)


def test_every_column_is_documented(tmp_path: Path) -> None:
    from nas.results import tables

    ledger = planted(tmp_path, noise=0.1).ledger
    for name in ("screening", "screen_corrected"):
        columns = nas.table(name, ledger).columns
        assert sorted(documented_columns(tables()[name])) == sorted(columns)


def test_the_whole_space_is_ranked_anew(tmp_path: Path) -> None:
    """Mixtures with h are six points worse than the screen says: those never trained too."""
    maker = planted(tmp_path, noise=0.0, trained=0)
    from nas.ledger.screens import screened

    rows = screened(maker.ledger, 1)
    for n, row in enumerate(rows.iloc[::2].itertuples()):
        value = row.uniform - 0.06 * ("h" in row.families)
        mixing = "soft" if n % 2 else "top1"
        maker.trained(*row.members.split("+"), val=value, mixing=mixing)
    found = nas.table("screen_corrected", maker.ledger)
    assert len(found) == 28
    assert found["trained"].notna().sum() == 14
    unseen = found[found["trained"].isna()]
    truth = unseen["uniform"] - 0.06 * unseen["families"].str.contains("h")
    error = (unseen["predicted"] - truth).abs().mean()
    assert error < 0.5 * (unseen["uniform"] - truth).abs().mean()


def test_a_correction_needs_some_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="needs 12 trained candidates, and there are 5"):
        nas.table("screen_corrected", planted(tmp_path, noise=0.0, trained=5).ledger)
