"""The exported recipe of preprocessing, and what the card says of images."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from export_samples import CODE, trained
from ledger_maker import Maker
from PIL import Image

import nas.data
from nas.data.batches import Data
from nas.data.sources.noisy_digits import NOISE
from nas.export.card import card
from nas.export.model import export
from nas.ledger import NewCandidate
from nas.schema import Outcome, Status, Task


class TestPreprocessing:
    """A raw file through the exported recipe is what the model was trained on, bit for bit."""

    @staticmethod
    def exported(maker: Maker, out: Path, data: Data, size: int, channels: int) -> ModuleType:
        """The recipe that goes with a model that was trained on `data`."""
        plain = maker.candidate("ant_s", "bee_s").with_(image_size=size, channels=channels)
        leased = maker.store.draw(lambda _: NewCandidate(candidate=plain, code=CODE))
        assert leased is not None
        maker.finish(leased, Outcome(status=Status.OK, val_acc=0.5, inputs=data.inputs))
        export(maker.ledger, "#0", out, code_only=True)
        spec = spec_from_file_location("exported_preprocess", out / "preprocess.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("kind", ["photograph", "12 bits", "float", "transparent"])
    def test_files(self, maker: Maker, tmp_path: Path, kind: str, channels: int) -> None:
        rng = np.random.default_rng(0)
        exif = Image.Exif()
        exif[274] = 8
        for name in ("cat", "dog"):
            (tmp_path / "pets" / name).mkdir(parents=True)
            for i in range(4):
                path = tmp_path / "pets" / name / str(i)
                if kind == "photograph":
                    pixels = rng.integers(0, 256, (21, 34, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(path.with_suffix(".jpg"), exif=exif)
                elif kind == "12 bits":
                    values = rng.integers(0, 4096, (21, 34), dtype=np.uint16)
                    Image.fromarray(values).save(path.with_suffix(".png"))
                elif kind == "float":
                    values = rng.normal(size=(21, 34)).astype(np.float32)
                    Image.fromarray(values).save(path.with_suffix(".tif"))
                else:
                    pixels = rng.integers(0, 256, (21, 34, 4), dtype=np.uint8)
                    Image.fromarray(pixels).save(path.with_suffix(".png"))
        task = Task(dataset=f"folder:{tmp_path / 'pets'}")
        data = nas.data.load(
            task, image_size=16, channels=channels, root=tmp_path, device=torch.device("cpu")
        )
        recipe = self.exported(maker, tmp_path / "best", data, 16, channels)
        config = json.loads((tmp_path / "best" / "config.json").read_text())
        assert (config["value_range"] is None) == (kind in ("photograph", "transparent"))
        how = {name: config[name] for name in ("image_size", "channels", "value_range")}
        mean, std = (torch.tensor(config[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
        paths = sorted((tmp_path / "pets").rglob("*.*"))
        mine = [
            (torch.from_numpy(recipe.prepare(p, **how))[None] / 255 - mean) / std for p in paths
        ]
        for split in (data.train, data.val, data.test):
            for x, _ in split.batches(8):
                for image in x:
                    assert any(torch.equal(image, other[0]) for other in mine)

    def test_digits_within_one_level(self, maker: Maker, tmp_path: Path) -> None:
        """What is no file to begin with is scaled by torch, as Pillow would but for rounding."""
        where = {"root": tmp_path, "device": torch.device("cpu")}
        own, data = (
            nas.data.load(Task(dataset="digits"), image_size=size, channels=channels, **where)  # type: ignore[arg-type]
            for size, channels in ((8, 1), (32, 3))
        )
        recipe = self.exported(maker, tmp_path / "best", data, 32, 3)
        card = (tmp_path / "best" / "README.md").read_text()
        assert "scikit-learn's grey levels 0…16 were taken as 0…255" in card
        for pixels, image in zip(own.test.images[:50], data.test.images, strict=False):  # type: ignore[attr-defined]
            Image.fromarray(pixels[0].numpy()).save(tmp_path / "digit.png")
            got = recipe.prepare(tmp_path / "digit.png", image_size=32, channels=3)
            assert np.abs(got.astype(int) - image.numpy()).max() <= 1

    def test_the_card_says_it(self, maker: Maker, tmp_path: Path) -> None:
        export(maker.ledger, trained(maker), tmp_path / "best")
        card = (tmp_path / "best" / "README.md").read_text()
        for part in ("EXIF", "mid-grey (128)", "cover 32×32", "bilinear, antialiased", "cropped"):
            assert part in card
        config = json.loads((tmp_path / "best" / "config.json").read_text())
        assert config["preprocessing"]["resize"] == "cover"
        assert config["preprocessing"]["crop"] == "center"
        assert config["preprocessing"]["deep_colour"] == "upper 8 bits"
        assert config["preprocessing"]["bits"] == 8

    def card(self, dataset: str, **changes: Any) -> str:
        """What a card says of the images of a data set."""
        config: dict[str, Any] = {
            "nas": "1",
            "key": "k",
            "families": "ant",
            "gate": {},
            "experts": [],
            "num_classes": 2,
            "image_size": 64,
            "channels": 3,
            "value_range": None,
            "structure": None,
            "mean": [0.5],
            "std": [0.25],
            "metrics": {"params": 1, "val_acc": None, "test_acc": None},
            "baselines": {
                name: {"val_acc": None, "test_acc": None} for name in ("alone", "uniform", "oracle")
            },
            "candidate": {
                "template": "moe4",
                "experts": [],
                "task": {"dataset": dataset, "split_seed": 0},
            },
            "recipe": {"epochs": 1, "batch_size": 2, "lr": 0.1},
        }
        whole = card(config | changes, "", weights=False)
        return whole.split("## Images\n\n")[1].split("\n\n## Use")[0]

    def test_files_by_the_recipe(self) -> None:
        for dataset in ("tiny-imagenet", "folder:/pets", "classes:/pets"):
            messages = self.card(dataset)
            assert messages.startswith("Every image was prepared by `preprocess.py`")
            for part in ("16 bits cut to its upper 8", "rounded to 8 bits", "divided by 255"):
                assert part in messages
            assert messages.endswith("Nothing was augmented for the figures above.")
        messages = self.card("folder:/pets", value_range=[100, 4095], channels=1)
        assert "from 100…4095, in all images alike, to 0…255 and clipped, rounded to 8" in messages
        assert "converted to grey" in messages

    def test_arrays_by_torch(self) -> None:
        digits = ("digits", "noisy-digits", "inverted-digits")
        for dataset in (*digits, "clusters", "synthetic", "cifar10", "cifar100"):
            own, new = self.card(dataset).split("\n\n")
            assert "scaled to 64×64 pixels by torch" in own
            assert "EXIF" not in own
            assert "cropped" not in own
            assert new.startswith("A new file is prepared by `preprocess.py`")
            assert new.endswith("but for 1 of 255 at most.")
            assert ("0…16 were taken as 0…255" in own) == (dataset in digits)
            assert (f"deviation of {NOISE} of that range" in own) == (dataset == "noisy-digits")
            assert ("0.7 · (255 − p)" in own) == (dataset == "inverted-digits")
            assert ("in 16 dimensions" in own) == (dataset == "clusters")

    def test_images_that_are_scaled_up_each_time(self) -> None:
        for dataset, most, files in (("cifar10", 154, False), ("tiny-imagenet", 114, True)):
            assert "scaled up" not in self.card(dataset, image_size=most)
            own, new = self.card(dataset, image_size=most + 1).split("\n\n")
            assert f"scaled up to {most + 1}×{most + 1} pixels by torch (bilinear)" in own
            assert ("`preprocess.py`" in own) == files
            assert new.endswith("but for 2 of 255 at most.")
