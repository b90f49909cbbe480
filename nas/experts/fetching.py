"""Fetches pretrained weights into the store: from a hub, a folder or a file."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import ValidationError

from nas.experts.loading import full_state, outputs_of
from nas.experts.weights import WeightStore
from nas.files import read_source
from nas.schema import Member, ModelInput, ProblemError, Weights, one_line
from nas.schema.weights import Interpolation

HUB = "hf-hub:"
CONFIG = "config.json"
FILES = ("model.safetensors", "model.pth", "pytorch_model.bin")
"""The names that weights have in a folder, the first that is there first."""
KINDS = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(frozen=True)
class Located:
    """Weights where they are now."""

    file: Path
    config: Mapping[str, Any]
    """Of a folder or a repository: its `config.json`; empty of a single file."""
    revision: str = ""
    licence: str = ""


def fetch(member: Member, store: WeightStore, folder: Path | None = None) -> Weights:
    """Puts a member's weights into the store, from `folder` or where their name says.

    Raises ProblemError where they cannot be had, or are not the member's: each tensor must have a
    place in it, and each of its places a tensor.
    """
    assert member.weights is not None
    name = member.weights.name
    located = _in_folder(folder, member) if folder else _located(member)
    _check_architecture(located.config, member)
    with _safetensors(located.file) as file:
        outputs = outputs_of(member, file, located.config)
        full_state(member, file, outputs)
        weights = Weights(
            name=name,
            inputs=_inputs(member, located.config),
            revision=located.revision,
            licence=_licence(located),
            outputs=outputs,
        )
        return store.put(member, file, weights)


def _located(member: Member) -> Located:
    assert member.weights is not None
    name = member.weights.name
    if name.startswith(HUB):
        return _from_hub(name.removeprefix(HUB))
    if (path := Path(name).expanduser()).exists():
        return _at(path)
    if "/" in name or Path(name).suffix in KINDS:
        raise ProblemError(
            "there is no such file or folder", where=name, fix="correct `weights` in the space"
        )
    return _from_hub(_repository(name))


def _in_folder(folder: Path, member: Member) -> Located:
    assert member.weights is not None
    name = member.weights.name.removeprefix(HUB).partition("@")[0]
    tries = [
        folder / each
        for base in (name, name.replace("/", "--"), Path(name).name)
        for each in (base, *(f"{base}{kind}" for kind in KINDS))
    ]
    for path in tries:
        if path.exists():
            return _at(path)
    raise ProblemError(
        f"it has no weights {member.weights.name}",
        where=str(folder),
        fix=f"put a folder {name} there, with {CONFIG} and {FILES[0]} as timm writes them, or a"
        f" file {name}.safetensors",
    )


def _at(path: Path) -> Located:
    if path.is_file():
        beside = path.parent / CONFIG
        return Located(path, _config(beside) if path.name in FILES and beside.is_file() else {})
    for name in FILES:
        if (path / name).is_file():
            config = path / CONFIG
            return Located(path / name, _config(config) if config.is_file() else {})
    raise ProblemError(f"it has none of {', '.join(FILES)}", where=str(path))


def _repository(name: str) -> str:
    """The hub's name of timm's weights `MODEL.TAG`."""
    import timm
    from timm.models import get_pretrained_cfg

    model, _, tag = name.partition(".")
    known = timm.list_models(f"{model}*", pretrained=True) if timm.is_model(model) else []
    known = sorted(each for each in known if each.partition(".")[0] == model)
    fix = f"choose from {', '.join(known[:6])}" if known else "timm has none of this model"
    if not tag:
        raise ProblemError(f"{name} does not say which of its published weights", fix=fix)
    cfg = get_pretrained_cfg(name) if name in known else None
    if cfg is None or not cfg.hf_hub_id:
        raise ProblemError(f"timm {timm.__version__} has no weights {name!r}", fix=fix)
    return str(cfg.hf_hub_id)


def _from_hub(repository: str) -> Located:
    """Never run against a hub: in tests its client is stood in for."""
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    name, _, revision = repository.partition("@")
    try:
        info = HfApi().model_info(name, revision=revision or None)
        commit = str(info.sha)
        config = _config(Path(hf_hub_download(name, CONFIG, revision=commit)))
        for file in FILES:
            try:
                path = Path(hf_hub_download(name, file, revision=commit))
                break
            except EntryNotFoundError:
                continue
        else:
            raise ProblemError(f"it has none of {', '.join(FILES)}", where=f"{HUB}{name}")
    except ProblemError:
        raise
    except Exception as error:  # the hub's client has dozens: no network, no such name, no right
        raise ProblemError(
            f"the hub does not give {name}: {one_line(error)}",
            fix="fetch where there is a network, or copy the files and type --from DIR",
        ) from error
    card = info.card_data
    licence = str(card.get("license") or "") if card is not None else ""
    return Located(path, config, commit, licence)


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(read_source(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ProblemError(f"it cannot be read: {one_line(error)}", where=str(path)) from error
    if not isinstance(config, dict):
        raise ProblemError("it is no configuration of timm's", where=str(path))
    return cast(Mapping[str, Any], config)


def _check_architecture(config: Mapping[str, Any], member: Member) -> None:
    there = str(config.get("architecture") or "").partition(".")[0]
    wanted = member.model.partition(".")[0]
    if there and there != wanted:
        assert member.weights is not None
        raise ProblemError(
            f"the weights {member.weights.name} are of {there}, not of {wanted}",
            fix=f"write model: {there}, or other weights",
        )


def _inputs(member: Member, config: Mapping[str, Any]) -> ModelInput:
    """The images that weights were trained on, as a configuration says, or timm of the model."""
    cfg = _pretrained_cfg(member, config)
    size = member.args.get("img_size") or (cfg.get("input_size") or (3, 224, 224))[-1]
    how = cfg.get("interpolation")
    crop = cfg.get("crop_pct") or 1.0
    given = {
        "image_size": size,
        "crop": 1.0 if cfg.get("crop_mode") in ("squash", "border") else crop,
        "interpolation": how if how in get_args(Interpolation) else "bicubic",
        "mean": cfg.get("mean") or ModelInput().mean,
        "std": cfg.get("std") or ModelInput().std,
    }
    try:
        return ModelInput.model_validate(given)
    except ValidationError as error:
        assert member.weights is not None
        raise ProblemError(
            f"the configuration of {member.weights.name} is not of RGB images: {one_line(error)}"
        ) from None


def _pretrained_cfg(member: Member, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A checkpoint's own; without one, that of timm's weights of that name, or of the model."""
    from timm.models import get_pretrained_cfg

    own = config.get("pretrained_cfg")
    if isinstance(own, dict):
        return own
    assert member.weights is not None
    for name in (member.weights.name, member.model):
        known = get_pretrained_cfg(name)
        if known is not None:
            return cast(Mapping[str, Any], known.to_dict())
    return {}


def _licence(located: Located) -> str:
    own = located.config.get("pretrained_cfg")
    given = own.get("license") if isinstance(own, dict) else None
    return str(given or located.licence or "")


@contextmanager
def _safetensors(file: Path) -> Iterator[Path]:
    """The file, or what a pickle of tensors has, rewritten; no code of it runs."""
    if file.suffix == ".safetensors":
        yield file
        return
    import safetensors.torch
    import torch

    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        content = content.get("state_dict", content.get("model", content))
        tensors = {name: tensor.contiguous().clone() for name, tensor in content.items()}
    except Exception as error:  # damage has no type, nor what weights_only refuses
        raise ProblemError(
            f"it has more than tensors, or is damaged: {one_line(error)}", where=str(file)
        ) from error
    with tempfile.TemporaryDirectory(prefix="nas-weights-") as folder:
        path = Path(folder) / "model.safetensors"
        safetensors.torch.save_file(tensors, path)
        yield path
