"""What a trained expert leaves for others: its answers, its features, its speed."""

import pytest
import timm
import torch
from torch import nn

from nas.compute import Compute
from nas.data.batches import Data
from nas.measure.timing import BATCHES, latency
from nas.train.predicting import predict

CPU = Compute(torch.device("cpu"))


@pytest.fixture(scope="module", params=["test_resnet", "test_vit", "test_byobnet"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    args = {"img_size": 16} if "vit" in request.param else {}
    return timm.create_model(request.param, num_classes=10, in_chans=1, **args).eval()


def test_answers_are_the_model_s_own_in_the_split_s_order(model: nn.Module, few: Data) -> None:
    found = predict(model, few.val, 7, compute=CPU)
    x = torch.cat([x for x, _ in few.val.batches(100)])
    with torch.inference_mode():
        torch.testing.assert_close(found.logits, model(x), atol=1e-4, rtol=1e-4)
    assert torch.equal(found.labels, few.val.labels)
    assert found.features is not None
    assert found.features.shape == (len(few.val), model.num_features)
    classifier = model.get_classifier()
    with torch.inference_mode():
        again = classifier(found.features.float())
    torch.testing.assert_close(again, found.logits, atol=0.02, rtol=0.02)
    assert not classifier._forward_pre_hooks  # it listens no longer


def test_of_two_classifiers_the_first_is_listened_to() -> None:
    model = timm.create_model("levit_128s", num_classes=10).eval()  # distilled

    class Images:
        labels = torch.zeros(2, dtype=torch.int64)

        def batches(self, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
            return [(torch.zeros(2, 3, 224, 224), self.labels)]

    found = predict(model, Images(), 2, compute=CPU)  # type: ignore[arg-type]
    assert found.features is not None
    assert found.features.shape == (2, model.num_features)


def test_a_model_without_a_named_classifier_has_no_features(few: Data) -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    found = predict(plain, few.val, 16, compute=CPU)
    assert found.features is None
    assert found.logits.shape == (40, 10)


def test_a_tick_may_stop_it(few: Data) -> None:
    def stop() -> None:
        raise TimeoutError

    plain = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    with pytest.raises(TimeoutError):
        predict(plain, few.val, 16, compute=CPU, tick=stop)


def test_latency_is_of_every_batch_size() -> None:
    slow = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4096), nn.Linear(4096, 4096))
    found = latency(slow, (3, 32, 32), CPU)
    assert tuple(found) == BATCHES
    assert 0 < found[1] < found[32]
