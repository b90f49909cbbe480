"""What the variants of an arm set, with the defaults of what some of them leave out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.ledger.sources import template_hashes
from nas.render import axes, template_hash
from nas.results.arm_runs import ROLES
from nas.results.campaign_tables import CampaignTables
from nas.schema import ProblemError, Space
from nas.schema.axes import RECIPE


@dataclass(frozen=True)
class ArmSettings:
    """The settings of one arm."""

    values: dict[str, dict[str, Any]]
    """By name, the recipe's fields as `recipe.NAME`: the value of each variant, by its label. Some
    variant names each of these settings; the others have its default."""
    unknown: dict[str, str]
    """Settings that some variant leaves out, and why their default is not known."""


def settings_of(data: CampaignTables, arm: str) -> ArmSettings:
    """The settings that any variant of an arm names: the template's and the recipe's."""
    variants = data.space.arms[arm]
    found = ArmSettings({}, {})
    named = {name: None for variant in variants for name in variant.settings}
    partial = any(variant.settings.keys() < named.keys() for variant in variants)
    defaults, problem = _defaults(data) if partial else ({}, "")
    for name in named:
        if name not in defaults and any(name not in v.settings for v in variants):
            found.unknown[name] = problem or "no axis of the template now"
        else:
            found.values[name] = {
                v.label: v.settings[name] if name in v.settings else defaults[name]
                for v in variants
            }
    recipes = {v.label: dict(data.space.recipe_of(v).dotted()) for v in variants}
    for name in _fields(data.space, arm, recipes):
        missing = {label for label, recipe in recipes.items() if name not in recipe}
        if missing and not name.startswith("losses."):
            found.unknown[f"{RECIPE}{name}"] = "its default is the model's or the procedure's"
        else:  # a loss without a weight is not computed
            values = {label: recipe.get(name, 0) for label, recipe in recipes.items()}
            found.values[f"{RECIPE}{name}"] = values
    return found


def _defaults(data: CampaignTables) -> tuple[dict[str, Any], str]:
    """The defaults of the template's axes, or none and why: only those of the template that the
    candidates were rendered with are theirs."""
    template = data.space.template
    try:
        now = template_hash(template)
        known = {name: axis.default for name, axis in axes(template).items()}
    except ProblemError:
        return {}, "the template is gone"
    if template_hashes(data.ledger, data.campaign, ROLES) - {now}:
        return {}, "the template has changed since"
    return known, ""


def _fields(space: Space, arm: str, recipes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The dotted names of the recipe's fields that any variant names."""
    named = {name for variant in space.arms[arm] for name in variant.recipe}
    every = {name: None for recipe in recipes.values() for name in recipe}
    return [name for name in every if name in named or name.partition(".")[0] in named]
