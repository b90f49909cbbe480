"""Writes a Space as a space file that a person can edit."""

from typing import Any

import yaml

from nas.schema import Member, Space, Variant
from nas.schema.axes import RECIPE
from nas.space.yaml_loader import CORE_SCHEMA


class _Flow(list[Any]):
    """A list written on one line."""


class _FlowMap(dict[str, Any]):
    """A mapping written on one line."""


class _Dumper(yaml.SafeDumper):
    """Quotes only text that the reader would take for a number, true, false or null."""

    yaml_implicit_resolvers: dict[str | None, list[Any]] = {}

    def ignore_aliases(self, data: Any) -> bool:
        """The reader takes none."""
        return True


for _tag, _pattern in CORE_SCHEMA:
    _Dumper.add_implicit_resolver(_tag, _pattern, None)
_Dumper.add_representer(
    _Flow, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True)
)
_Dumper.add_representer(  # a ramp's points
    tuple, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True)
)
_Dumper.add_representer(
    _FlowMap,
    lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v.items(), flow_style=True),
)


def dump(space: Space) -> str:
    """YAML text that `parse` reads as an equal Space; most defaults are omitted."""
    data: dict[str, Any] = {}
    if space.description:
        data["description"] = space.description
    data |= {"template": space.template, "image_size": space.image_size}
    if space.channels != 3:
        data["channels"] = space.channels
    if space.dataset:
        data["dataset"] = space.dataset
    if space.experts is not None:
        families = space.experts.families
        data["experts"] = {
            "choose": space.experts.k,
            "families": {name: _members(families[name]) for name in families},
        }
    if space.arms:
        data["arms"] = {
            arm: [_FlowMap(_variant(variant)) for variant in variants]
            for arm, variants in space.arms.items()
        }
    if space.reference:
        data["reference"] = space.reference
    if space.replicates > 1:
        data["replicates"] = space.replicates
    if space.choices:
        data["choices"] = {choice.name: _Flow(choice.values) for choice in space.choices}
    shown = {"epochs", "batch_size", "lr"}
    data["recipe"] = space.recipe.model_dump(include=shown)
    data["recipe"] |= space.recipe.model_dump(exclude=shown, exclude_defaults=True)
    return yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=96,
        default_flow_style=False,
    )


def _variant(variant: Variant) -> dict[str, Any]:
    """A list under a dotted name would be several variants, and nothing none, so that ramps and
    null are in `recipe`."""
    ramps = {n: v for n, v in variant.recipe.items() if v is None or isinstance(v, list | dict)}
    fields = {f"{RECIPE}{n}": v for n, v in variant.recipe.items() if n not in ramps}
    nested: dict[str, Any] = {}
    for name, value in ramps.items():
        field, dot, inner = name.partition(".")
        if dot:
            nested.setdefault(field, {})[inner] = value
        else:
            nested[field] = dict(value) if isinstance(value, dict) else value
    return variant.settings | fields | ({"recipe": nested} if nested else {})


def _members(members: tuple[Member, ...]) -> list[Any]:
    """All on one line, or one line each if there are several and some have arguments."""
    written = [_member(member) for member in members]
    return (
        written
        if len(written) > 1 and any(m.args or m.weights for m in members)
        else _Flow(written)
    )


def _member(member: Member) -> Any:
    more: dict[str, Any] = {"args": _FlowMap(member.args)} if member.args else {}
    if member.weights is not None:
        more["weights"] = member.weights.name
    return _FlowMap(model=member.model, **more) if more else member.model
