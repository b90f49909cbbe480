"""A campaign with candidates that instruments have examined, with known figures."""

from pathlib import Path

from ledger_maker import Maker

from nas.ledger.diagnoses import Figures, put_diagnosis

LINE = tuple((n - 10) / 20 for n in range(21))
SIDES = tuple((n - 4) / 4 for n in range(9))
SURFACE: Figures = {
    "eigenvector_residual": 0.001,
    "eigenvector_alphas": LINE,
    "train.eigenvector_losses": tuple(0.25 + alpha**2 for alpha in LINE),
    "test.eigenvector_losses": tuple(0.5 + alpha**2 for alpha in LINE),
    "random_alphas": tuple(2 * alpha for alpha in LINE),
    "train.random_losses": tuple(0.25 + 8 * alpha**2 for alpha in LINE),
    "test.random_losses": tuple(0.5 + 8 * alpha**2 for alpha in LINE),
}
PLANE: Figures = {
    "plane_alphas": SIDES,
    "train.plane_losses": tuple(0.25 + alpha**2 + 2 * beta for alpha in SIDES for beta in SIDES),
}


def diagnosed(path: Path) -> Maker:
    """`ant_s` with `bee_s` was examined by all kinds of instruments, its surface in a plane too;
    `cat_s` with `dog_s` only by `surface`, without one; `ant_s` with `cat_s` by none."""
    maker = Maker(path, dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.9)
    maker.trained("cat_s", "dog_s", val=0.8)
    maker.trained("ant_s", "cat_s", val=0.7)
    put(maker, 1, "latency", {"threads": 1.0})  # an earlier one
    put(maker, 1, "latency", {"threads": 1.0, "batch_8.quartiles_ms": (1.0, 1.5, 2.0)})
    put(maker, 1, "oracle", {}, reason="it has <b>no</b> experts")
    put(maker, 1, "routing", {f"figure_{n:02}": n / 4 for n in range(20)})
    put(maker, 1, "surface", {**SURFACE, **PLANE})
    put(maker, 2, "surface", SURFACE)
    return maker


def put(maker: Maker, attempt: int, instrument: str, figures: Figures, reason: str = "") -> None:
    put_diagnosis(
        *(maker.ledger, attempt, instrument),
        environment={"python": "3.11"},
        device="cpu",
        seconds=0.5,
        figures=figures,
        reason=reason,
    )
