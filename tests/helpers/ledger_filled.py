"""A ledger with a row in every table."""

from pathlib import Path

from ledger_maker import CONDITIONS, PROBE, Maker

from nas.ledger import Owner
from nas.ledger.datasets import keep_manifest
from nas.ledger.diagnoses import put_diagnosis
from nas.ledger.records import ScreenExpert
from nas.ledger.screens import put_screen
from nas.schema import Role, ScreenConfig, Status, TrainingEvent


def fill(path: Path | str) -> None:
    """Writes one. Its dump is a file of tests/ledger/data when the schema changes."""
    maker = Maker(path, owner=Owner("host", 1, 2, "nonce"), dataset="digits", trials=9)
    grown = TrainingEvent(kind="growth", step=7, reason="a plateau", data={"expert": 1})
    maker.trained(
        *("ant_s", "bee_s"),
        val=0.9,
        test=0.85,
        inside=(0.8, 0.7),
        weights="w",
        events=(grown,),
    )
    maker.trained("ant_s", "bee_s", val=0.8, test=0.75, replicate=1, role=Role.CONFIRM)
    maker.control("ant_s", 0.7)
    maker.failed("bee_m", "cat_s", status=Status.NAN, message="the loss is not a number")
    put_diagnosis(
        maker.ledger,
        1,
        "latency",
        environment={"python": "3.11"},
        device="cpu",
        seconds=0.5,
        figures={"median_ms": 1.5, "batches": (1, 8)},
    )
    maker.store.put_rung(maker.draw("cat_s", "dog_s"), 0, 1, 0.5, promoted=True)
    maker.store.event("benched", family="cat", after=6)
    maker.ledger.put_profiles(CONDITIONS, [PROBE])
    put_screen(
        maker.ledger,
        maker.space,
        ScreenConfig(dataset="digits"),
        [ScreenExpert("k", "ant", "ant_s", val_acc=0.7, seconds=1.0)],
        [
            {
                "families": "ant+bee",
                "members": "ant_s+bee_s",
                "uniform": 0.8,
                "probe": 0.85,
                "gate": None,
            }
        ],
        total=6,
        val_images=40,
        test_images=50,
        seconds=0.5,
    )
    keep_manifest(maker.ledger, maker.campaign, '[["ant"], {"ant/1.png": [7, 8, "c0ffee"]}]')
    maker.store.heartbeat(12.5)
    maker.ledger.close()
