"""One member under the probe."""

import pickle

import pytest
import timm
import torch
from recorded_cuda import GIB, RecordedCuda

from nas.measure import Crowded, conditions
from nas.measure.profile import profile_member, profile_member_or_crowded
from nas.schema import Member, MemberProfile, ProblemError

AT_8 = conditions(8, 3, 10)


def test_conditions_name_what_figures_depend_on() -> None:
    found = conditions(32, 1, 10)
    assert found.model_dump() == {
        "image_size": 32,
        "channels": 1,
        "num_classes": 10,
        "torch": str(torch.__version__),
        "timm": timm.__version__,
        "device": "cpu",
        "precision": "fp32",
        "memory_format": "channels_last",
    }
    assert conditions(32, 1, 10, precision="bf16").precision == "bf16"


@pytest.mark.parametrize(("capability", "precision"), [((8, 0), "bf16"), ((7, 5), "fp32")])
def test_a_gpu_without_bf16_is_probed_in_fp32(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert conditions(32, 3, 10, "cuda").precision == precision


@pytest.mark.parametrize(
    ("device", "messages"),
    [("cuda", "torch sees no GPU"), ("tpu", "no device tpu — use cpu or cuda")],
)
def test_a_device_that_is_not_there(
    device: str, messages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ProblemError, match=messages):
        conditions(32, 3, 10, device)


def test_a_sound_network_by_hand(zoo: None) -> None:
    found = profile_member(Member(model="zoo_plain"), AT_8, batch=4)
    # parameters and MACs: see test_preflight_meta. Kept for one image: relu's result, 4·8·8·4 B,
    # and the head's input, 4·4 B.
    assert found == MemberProfile(
        member=Member(model="zoo_plain"),
        ok=True,
        params=162,
        macs=6952,
        saved_bytes=1024 + 16,
        buffers_bytes=0,
        seconds=found.seconds,
        batch=4,
    )
    assert found.seconds > 0


FAULTS = {
    "no_such_model": "does not build: RuntimeError: Unknown model (no_such_model)",
    "zoo_unused": "no gradient reaches spare.weight, spare.bias",
    "zoo_tuple": "gives a tuple, not a tensor, in training",
    "zoo_pixels": "gives (4, 4, 8, 8) instead of (4, 10) in training",
    "zoo_undefined": "gives infinite or undefined numbers in training",
    "zoo_undefined_in_evaluation": "gives infinite or undefined numbers in evaluation",
    "zoo_steep_at_zero": "infinite or undefined gradient in conv.weight, conv.bias, head.weight"
    " and 1 more",
    "zoo_constant": "every gradient is zero",
    "zoo_frozen": "does not train: RuntimeError: element 0 of tensors does not require grad and"
    " does not have a grad_fn",
    "zoo_no_batch": "does not train: RuntimeError: shape '[1, 3, 8, 8]' is invalid for input of"
    " size 384",
}


@pytest.mark.parametrize("model", FAULTS)
def test_a_fault_is_a_value(zoo: None, model: str) -> None:
    member = Member(model=model)
    found = profile_member(member, AT_8, batch=4)
    assert found == MemberProfile(member=member, ok=False, problem=FAULTS[model])


def test_memory_that_runs_out_is_no_fault_of_the_member(zoo: None) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        profile_member(Member(model="zoo_out_of_memory"), AT_8, batch=4)


@pytest.mark.parametrize(("free", "others"), [(60, False), (5, True)])
def test_a_gpu_that_others_fill_is_reported_from_one_too_small(
    zoo: None, monkeypatch: pytest.MonkeyPatch, free: int, others: bool
) -> None:
    cuda = RecordedCuda()
    cuda.free = free * GIB
    cuda.install(monkeypatch)
    # As on a GPU, but that it computes here.
    names = profile_member_or_crowded.__globals__
    monkeypatch.setitem(
        names, "profile_member", lambda member, _: profile_member(member, AT_8, batch=4)
    )
    member, on_gpu = Member(model="zoo_out_of_memory"), AT_8.with_(device="a card")
    if others:
        found = profile_member_or_crowded(member, on_gpu)
        assert isinstance(found, Crowded)
        assert found.problem.startswith("OutOfMemoryError: CUDA out of memory")
    else:
        with pytest.raises(torch.OutOfMemoryError):
            profile_member_or_crowded(member, on_gpu)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        RuntimeError("cuDNN Frontend error: [cudnn_frontend] Error: No execution plans support …"),
    ],
)
def test_an_accident_that_is_not_the_member_s_fault_is_raised(
    monkeypatch: pytest.MonkeyPatch, zoo: None, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(torch.autograd, "backward", fails)
    with pytest.raises(type(error)):
        profile_member(Member(model="zoo_plain"), AT_8, batch=4)


def test_too_few_images_are_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="at least 4 images"):
        profile_member(Member(model="test_resnet"), AT_8, batch=3)


def test_a_probe_repeats_and_leaves_no_trace() -> None:
    before = torch.get_rng_state()
    first, second = (
        profile_member(Member(model="test_byobnet"), conditions(32, 3, 10)) for _ in range(2)
    )
    assert first.with_(seconds=0.0) == second.with_(seconds=0.0)
    assert torch.equal(before, torch.get_rng_state())
    assert pickle.loads(pickle.dumps(first)) == first
    assert MemberProfile.model_validate_json(first.model_dump_json()) == first
    assert pickle.loads(pickle.dumps(AT_8)) == AT_8


def test_the_batch_changes_no_figure_of_an_image() -> None:
    member, at_32 = Member(model="test_resnet"), conditions(32, 3, 10)
    small, large = (profile_member(member, at_32, batch=batch) for batch in (4, 9))
    assert small.saved_bytes == large.saved_bytes
    assert small.buffers_bytes == large.buffers_bytes


def test_autocast_keeps_half_an_image_and_a_copy_of_the_weights() -> None:
    # Without norm layers, which autocast leaves in fp32: convolutions' inputs are kept in bf16.
    member = Member(model="test_nfnet")
    fp32 = profile_member(member, conditions(32, 3, 10))
    bf16 = profile_member(member, conditions(32, 3, 10, precision="bf16"))
    assert bf16.ok
    assert 0.45 < bf16.saved_bytes / fp32.saved_bytes < 0.75
    assert bf16.params == fp32.params
    assert bf16.buffers_bytes > 0


def test_channels_last_is_probed() -> None:
    at_32 = conditions(32, 3, 10).with_(memory_format="channels_last")
    assert profile_member(Member(model="test_resnet"), at_32).ok
