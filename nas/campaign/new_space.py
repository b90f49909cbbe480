"""Makes a search space from timm's models, each of which is built and trained for one step."""

from collections.abc import Callable, Collection

from nas.campaign.controls import PRETRAINED
from nas.campaign.profiling import profile_members
from nas.experts.published import PERMISSIVE, best_by_family
from nas.measure import conditions
from nas.measure.propose import candidates, proposed_space
from nas.schema import (
    FINETUNE,
    ExpertAxis,
    Member,
    MemberProfile,
    ProblemError,
    Recipe,
    Space,
    Weights,
)

CLASSES = 10
FAMILIES = 12
"""How many families a space of pretrained networks has."""


def pretrained_space(
    name: str,
    *,
    dataset: str,
    choose: int,
    max_params: int,
    max_macs: int,
    licences: Collection[str] = PERMISSIVE,
) -> Space:
    """A space of timm's pretrained networks: of the families with the best published accuracy, the
    best member of each within the limits. Raises ProblemError for fewer families than `choose`."""
    best = best_by_family(max_params=max_params, max_macs=max_macs, licences=licences)
    if len(best) < choose:
        raise ProblemError(
            f"only {len(best)} families have pretrained networks within these limits",
            fix="allow more parameters or multiply-accumulates, or more licences",
        )
    chosen = dict(list(best.items())[:FAMILIES])
    families = {
        family: (Member(model=each.model, weights=Weights(name=each.name)),)
        for family, each in chosen.items()
    }
    return Space(
        name=name,
        description="Pretrained networks, and mixtures of them, for images of one's own.",
        template=PRETRAINED,
        image_size=max(each.image_size for each in chosen.values()),
        dataset=dataset,
        experts=ExpertAxis(k=choose, families=dict(sorted(families.items()))),
        recipe=Recipe(
            procedure=FINETUNE,
            epochs=10,
            batch_size=32,
            lr=1e-3,
            weight_decay=0.05,
            mixup_alpha=0,
            augment="standard",
        ),
    )


def new_space(
    name: str,
    image_size: int,
    max_params: int,
    *,
    gpus: int = 0,
    watch: Callable[[str], None] = lambda text: None,
    on_message: Callable[[str], None] = lambda text: None,
) -> Space:
    """A space of every timm family that trains at that size, up to three members each.

    Takes minutes: each of timm's models with at most `max_params` parameters is built, and chosen
    ones are trained for one step in a process that may crash. `watch` is called with the progress,
    `on_message` with each model that fails and the reason.
    """
    found: list[tuple[str, Member]] = []
    for family, member, params in candidates(image_size, max_params, num_classes=CLASSES):
        watch(f"found {len(found) + 1} models; {member.model}, {params / 1e6:.1f} M parameters")
        found.append((family, member))

    def profiled(done: int, total: int, profile: MemberProfile) -> None:
        state = "ok" if profile.ok else profile.problem
        watch(f"pre-flight {done}/{total}: {profile.member.model} {state}")
        if not profile.ok:
            on_message(f"{profile.member.model} is left out: {profile.problem}")

    under = conditions(image_size, 3, CLASSES, "cuda" if gpus else "cpu", "auto")
    members = [member for _, member in found]
    profiles = profile_members(
        None, members, under, gpus=gpus, watch=profiled, on_message=on_message
    )
    sound = [(family, member) for family, member in found if profiles[member.model].ok]
    return proposed_space(name, image_size, sound)
