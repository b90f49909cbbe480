"""What every data set promises, run over all that need no download and one in files."""

from pathlib import Path

import pytest
import torch
from data_files import Load, make_folder

import nas.data
from nas.data.augment import Augment
from nas.data.batches import Data, Split
from nas.schema import Task

BUILT_IN = tuple(
    source.name
    for source in nas.data.describe()
    if not source.takes_path and not source.download_size
)


@pytest.fixture(params=[*BUILT_IN, "folder", "stream"])
def data(request: pytest.FixtureRequest, tmp_path: Path, load_small: Load) -> Data:
    if request.param in BUILT_IN:
        return load_small(request.param)
    path = make_folder(tmp_path / "pets", {"cat": 11, "dog": 8, "eel": 9})
    limit = {"memory_limit": 0} if request.param == "stream" else {}
    return load_small(f"folder:{path}", **limit)


def splits(data: Data) -> tuple[Split, Split, Split]:
    return data.train, data.val, data.test


class TestDataContract:
    def test_labels_cover_the_classes_in_every_split(self, data: Data) -> None:
        assert len(data.class_names) == data.num_classes
        for split in splits(data):
            assert split.labels.dtype == torch.int64
            assert split.labels.unique().tolist() == list(range(data.num_classes))

    def test_every_class_has_one_of_the_domains_or_there_are_none(self, data: Data) -> None:
        domains = data.class_domains
        assert len(domains) == (data.num_classes if domains else 0)
        assert set(domains) == set(range(max(domains, default=-1) + 1))

    def test_the_images_of_each_class_are_counted(self, data: Data) -> None:
        counts = [data.val.labels.tolist().count(label) for label in range(data.num_classes)]
        assert data.inputs.val_counts == tuple(counts)
        assert sum(counts) == data.inputs.val_images

    def test_batches_are_normalised_floats_of_even_sizes(self, data: Data) -> None:
        for split in splits(data):
            sizes = []
            for x, labels in split.batches(10):
                assert x.dtype == torch.float32
                assert x.shape == (len(labels), 3, 32, 32)
                assert x.is_contiguous()
                sizes.append(len(labels))
            assert len(sizes) == split.steps(10)
            assert sum(sizes) == len(split)
            assert max(sizes) <= 10
            assert max(sizes) - min(sizes) <= 1

    def test_training_images_have_mean_0_and_deviation_1(self, data: Data) -> None:
        x = torch.cat([x for x, _ in data.train.batches(64)])
        std, mean = torch.std_mean(x, dim=(0, 2, 3))
        varies = torch.tensor(data.std) > 1e-3
        torch.testing.assert_close(mean, torch.zeros(3), atol=1e-2, rtol=0)
        torch.testing.assert_close(std[varies], torch.ones(3)[varies], atol=1e-2, rtol=0)

    def test_without_a_generator_the_order_is_the_labels_order(self, data: Data) -> None:
        seen = torch.cat([labels for _, labels in data.val.batches(7)])
        assert torch.equal(seen, data.val.labels)

    @pytest.mark.parametrize("augment", ["none", "light", "standard", "strong"])
    def test_a_seed_repeats_the_batches_and_another_does_not(
        self, data: Data, augment: Augment
    ) -> None:
        def one_pass(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
            generator = torch.Generator().manual_seed(seed)
            xs, labels = zip(
                *data.train.batches(8, generator=generator, augment=augment), strict=True
            )
            return torch.cat(xs), torch.cat(labels)

        images, labels = one_pass(0)
        again, labels_again = one_pass(0)
        assert torch.equal(images, again)
        assert torch.equal(labels, labels_again)
        assert not torch.equal(images, one_pass(1)[0])
        # A pass holds every image once, whatever the order.
        assert torch.equal(labels.sort().values, data.train.labels.sort().values)

    def test_shuffling_keeps_images_with_their_labels(self, data: Data) -> None:
        def pairs(generator: torch.Generator | None) -> list[tuple[int, float]]:
            return sorted(
                (int(label), round(float(image.double().sum()), 3))
                for x, labels in data.train.batches(9, generator=generator)
                for image, label in zip(x, labels, strict=True)
            )

        assert pairs(None) == pairs(torch.Generator().manual_seed(3))

    def test_the_split_seed_moves_images_between_splits(
        self, data: Data, request: pytest.FixtureRequest, load_small: Load, tmp_path: Path
    ) -> None:
        kind = request.node.callspec.params["data"]
        name = kind if kind in BUILT_IN else f"folder:{tmp_path / 'pets'}"

        def val(seed: int) -> torch.Tensor:
            (batch,) = load_small(name, split_seed=seed).val.batches(1000)
            return batch[0]

        assert torch.equal(val(0), val(0))
        assert not torch.equal(val(0), val(1))


def test_channels_and_size_follow_the_request(load_small: Load) -> None:
    data = load_small("digits", image_size=24, channels=1)
    ((x, _),) = data.val.batches(1000)
    assert x.shape == (len(data.val), 1, 24, 24)
    assert len(data.mean) == 1


def test_what_is_cheap_to_know_agrees_with_the_loaded_set(load_small: Load, tmp_path: Path) -> None:
    for name in BUILT_IN:
        data = load_small(name)
        assert nas.data.num_classes(name, tmp_path) == data.num_classes
        assert nas.data.num_domains(name) == len(set(data.class_domains))
        images = sum(len(split) for split in (data.train, data.val, data.test))
        most = nas.data.memory_bytes(name, tmp_path, image_size=10, channels=3)
        assert most == images * 3 * 10 * 10
    assert nas.data.memory_bytes("cifar10", tmp_path, image_size=224, channels=3) == 4 * 2**30


def test_load_by_task(tmp_path: Path) -> None:
    data = nas.data.load(
        Task(dataset="digits"),
        image_size=8,
        channels=1,
        root=tmp_path,
        device=torch.device("cpu"),
    )
    # 1,797 digits, 20 % of each class to validation and to test: 359 each
    assert (len(data.train), len(data.val), len(data.test)) == (1079, 359, 359)
