"""Parameters and MACs without computing anything."""

import pytest
import timm

from nas.measure import meta_cost
from nas.schema import Member, ProblemError


def test_a_small_network_by_hand(zoo: None) -> None:
    # conv 3→4, 3×3: 4·(27 + 1) = 112 parameters, 27·4·8·8 = 6,912 MACs at 8×8
    # head 4→10: 4·10 + 10 = 50 parameters, 40 MACs
    assert meta_cost(Member(model="zoo_plain"), 8) == (162, 6952)


@pytest.mark.parametrize("model", ["zoo_needs_numbers", "zoo_needs_numbers_to_run"])
def test_what_meta_tensors_cannot_count_is_counted_on_the_cpu(zoo: None, model: str) -> None:
    assert meta_cost(Member(model=model), 8) == (162, 6952)


def test_parameters_that_enter_as_views_are_followed() -> None:
    # A class token, expanded: FlopCounterMode stumbles over it while gradients are recorded.
    built = timm.create_model("pit_ti_224", num_classes=10, img_size=32)
    params, macs = meta_cost(Member(model="pit_ti_224", args={"img_size": 32}), 32)
    assert params == sum(p.numel() for p in built.parameters())
    assert macs > params  # a weight works on several tokens


def test_resnet18_as_published() -> None:
    # He et al. 2015, table 1: 1.8·10⁹ multiply-adds; timm's model card: 11.7 M, 1.8 GMACs
    assert meta_cost(Member(model="resnet18"), 224, 3, 1000) == (11_689_512, 1_814_073_344)


def test_attention_is_counted() -> None:
    # ViT, patch 16, width 192, 12 blocks, at 64 px: 16 patches + 1 class token = 17 tokens
    # patches 16·(768·192); a block 17·(192·576 + 192·192 + 2·192·768) + 2·17²·192; head 192·10
    block = 17 * (192 * 576 + 192 * 192 + 2 * 192 * 768) + 2 * 17**2 * 192
    expected = 16 * 768 * 192 + 12 * block + 192 * 10
    member = Member(model="vit_tiny_patch16_224", args={"img_size": 64})
    assert meta_cost(member, 64)[1] == expected


@pytest.mark.parametrize(
    ("member", "size", "messages"),
    [
        (Member(model="no_such_model"), 32, "does not build: RuntimeError: Unknown model"),
        (Member(model="resnet18", args={"img_size": 32}), 32, "does not build: TypeError"),
        (Member(model="vit_tiny_patch16_224"), 32, "refuses 32×32 images: AssertionError"),
    ],
)
def test_a_wrong_member_says_why(member: Member, size: int, messages: str) -> None:
    with pytest.raises(ProblemError) as caught:
        meta_cost(member, size)
    assert str(caught.value).startswith(messages)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "args", "fix"),
    [
        ("vit_tiny_patch16_224", {}, "give it args: {img_size: 64}"),
        ("vit_tiny_patch16_224", {"img_size": 96}, ""),  # what was asked for is not what fails
        ("no_such_model", {}, ""),
    ],
)
def test_a_size_that_would_mend_it_is_the_fix(model: str, args: dict[str, int], fix: str) -> None:
    with pytest.raises(ProblemError) as caught:
        meta_cost(Member(model=model, args=args), 64)
    assert caught.value.problem.fix == fix


def test_equal_arguments_of_other_types_are_not_confused() -> None:
    meta_cost(Member(model="test_vit", args={"depth": 1}), 32)
    with pytest.raises(ProblemError, match="does not build: TypeError"):
        meta_cost(Member(model="test_vit", args={"depth": 1.0}), 32)
