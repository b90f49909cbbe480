"""Loads pretrained weights into a network, by timm's own way of loading, and nothing halfway."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, cast

from torch import Tensor, nn

from nas.schema import Member, ProblemError, one_line


def full_state(member: Member, file: Path, outputs: int) -> dict[str, Tensor]:
    """The state of a timm model with its own classifier of so many `outputs`, loaded from a
    safetensors file; what older formats name otherwise has timm's names then.

    Raises ProblemError unless every tensor has its place. timm itself passes over what does not
    fit as soon as the number of outputs differs, so it is told the file's.
    """
    import timm

    assert member.weights is not None
    overlay = {"file": str(file), "num_classes": outputs, "custom_load": False, "label_offset": 0}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = timm.create_model(
                member.model,
                pretrained=True,
                pretrained_cfg_overlay=overlay,
                num_classes=outputs,
                **member.args,
            )
    except Exception as error:  # safetensors, timm and torch have their own for each kind
        why = shorten(
            " ".join(str(error).split()), 300, placeholder=" …"
        )  # one line names no tensor
        raise ProblemError(
            f"the weights {member.weights.name} do not fit {member.model}: {why}",
            where=str(file),
            fix="choose weights of this model, with the arguments that it was trained with",
        ) from error
    return dict(cast(nn.Module, model).state_dict())


def outputs_of(member: Member, file: Path, config: Mapping[str, Any]) -> int:
    """How many outputs the classifier in a file has; 0 if it has none."""
    from safetensors import SafetensorError, safe_open
    from timm.models import get_pretrained_cfg

    assert member.weights is not None
    cfg = get_pretrained_cfg(member.model)
    named = cfg.classifier if cfg is not None else None
    names = [named] if isinstance(named, str) else list(named or ())
    try:
        with safe_open(file, framework="numpy") as tensors:
            names_there = set(tensors.keys())
            shapes = {
                name: tensors.get_slice(name).get_shape()
                for name in (f"{classifier}.weight" for classifier in names)
                if name in names_there
            }
    except (SafetensorError, OSError) as error:
        raise ProblemError(
            f"the weights {member.weights.name} are cut short or no safetensors file:"
            f" {one_line(error)}",
            where=str(file),
        ) from error
    for shape in shapes.values():
        return int(shape[0])
    return int(config.get("num_classes") or 0)


def load_trunk(network: nn.Module, member: Member, file: Path) -> None:
    """Loads a member's weights from the store's file into its network without a classifier.

    Raises ProblemError as `full_state`, and if the network has a tensor that the file has not.
    """
    assert member.weights is not None
    state = full_state(member, file, member.weights.outputs)
    own = network.state_dict()
    missing = sorted(own.keys() - state.keys())
    if missing:
        raise ProblemError(
            f"the weights {member.weights.name} have no {missing[0]}", where=str(file)
        )
    network.load_state_dict({name: state[name] for name in own})
