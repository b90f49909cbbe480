"""Candidates to render, and ways to load what comes out."""

import types
from collections.abc import Iterable
from typing import Any

from nas.render import axes, render
from nas.render.engine import RefusedError
from nas.resources import shipped
from nas.schema import Candidate, Member, ModelInput, ProblemError, Recipe, Task, Weights
from nas.schema.candidate import Expert

CNNS = {
    "EfficientNet": Member(model="test_efficientnet"),
    "ByobNet": Member(model="test_byobnet"),
    "ConvNeXt": Member(model="test_convnext"),
    "ResNet": Member(model="test_resnet"),
}
WITH_VIT = {
    "ResNet": Member(model="test_resnet", args={"drop_rate": 0.1}),
    "MambaOut": Member(model="test_mambaout"),
    "ViT": Member(model="test_vit", args={"img_size": 32, "global_pool": "avg"}),
}


def candidate(
    template: str = "moe4",
    experts: dict[str, Member] = CNNS,
    channels: int = 3,
    **choices: Any,
) -> Candidate:
    return Candidate(
        template=template,
        template_hash="",
        image_size=32,
        channels=channels,
        experts=tuple(Expert(family=family, member=m) for family, m in experts.items()),
        choices=choices,
        recipe=Recipe(),
        task=Task(),
    )


PRETRAINED = {
    "ResNet": Member(
        model="test_resnet",
        weights=Weights(
            name="test_resnet.mine",
            inputs=ModelInput(image_size=24, crop=0.8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
        ),
    ),
    "ViT": Member(
        model="test_vit",
        args={"img_size": 32},
        weights=Weights(
            name="test_vit.mine", inputs=ModelInput(image_size=32, interpolation="nearest")
        ),
    ),
}

GOLDEN = {
    "pretrained_two": candidate("pretrained", PRETRAINED),
    "pretrained_alone": candidate("pretrained", {"ResNet": PRETRAINED["ResNet"]}),
    "pretrained_grey": candidate("pretrained", PRETRAINED, channels=1, gate_width=4),
    "moe4_soft": candidate(),
    "moe4_top1": candidate(mixing="top1"),
    "moe4_top2": candidate(mixing="top2", gate_width=32, temperature=1, noise=0.0),
    "moe4_three_experts_with_args": candidate(experts=WITH_VIT),
    "moe4_one_grey_expert": candidate(experts={"ResNet": CNNS["ResNet"]}, channels=1),
    "single": candidate("single", experts={"ResNet": CNNS["ResNet"]}),
    "single_with_args": candidate("single", experts={"ViT": WITH_VIT["ViT"]}),
    "heads_dense": candidate("heads", {}),
    "heads_soft": candidate("heads", {}, head="soft"),
    "heads_softmoe": candidate("heads", {}, head="softmoe"),
    "heads_sparse": candidate("heads", {}, head="sparse"),
    "pce_per_image": candidate("pce", {}, width=8),
    "pce_batch": candidate("pce", {}, width=8, capacity="batch", capacity_factor=1.5),
    "pce_none": candidate("pce", {}, width=8, capacity="none", late_kernel=1, post=False),
    "pce_one_expert": candidate("pce", {}).with_(choices={"experts": 1, "width": 8}),
    "pce_room_for_all": candidate("pce", {}).with_(choices={"experts": 2, "width": 8}),
    "routing_linear": candidate("routing", {}),
    "routing_deep": candidate("routing", {}, backbone="resnet18", width=8, router="deep"),
    "growth_flat": candidate("growth", {}, first_bias=4.0, bias_rate=0.01),
    "growth_resnet18": candidate("growth", {}, stem="resnet18", width=8),
    "pce_resnet18": candidate("pce", {}, network="resnet18", stem="large", width=8),
}


def variants(template: str) -> Iterable[Candidate]:
    """Candidates that between them take every value of every axis; the bounds, where it has them.

    Templates differ in how many experts they want: four, one or none, whichever the template takes.
    Values that it refuses together with the other axes' defaults are left out.
    """
    chosen: list[dict[str, Any]] = [{}]
    for name, axis in axes(template).items():
        bounds = [value for value in (axis.minimum, axis.maximum) if value is not None]
        chosen += [{name: value} for value in (axis.values or bounds)]
    for experts in (CNNS, {"ResNet": CNNS["ResNet"]}, {}):
        try:
            render(candidate(template, experts))
        except ProblemError:
            continue
        made = [candidate(template, experts).with_(choices=choices) for choices in chosen]
        return [variant for variant in made if _renders(variant)]
    raise AssertionError(f"{template} renders with neither four, one nor no experts")


def _renders(variant: Candidate) -> bool:
    try:
        render(variant)
    except RefusedError:
        return False
    return True


def execute(source: str, name: str = "rendered") -> Any:
    """Python source as a module."""
    module = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def partial(*names: str) -> Any:
    """A shipped partial without Jinja in it, as the Python module that it is; of several, each with
    those before it."""
    # Not by importlib's file loader: it would write a __pycache__ into templates/.
    texts = [(shipped("templates") / f"{name}.py.j2").read_text("utf-8") for name in names]
    return execute("\n".join(texts), names[-1])
