"""Proposing families for a new space."""

import pytest
import timm

from nas import space
from nas.measure import meta_cost
from nas.measure.propose import _targets, candidates, proposed_space
from nas.schema import Member, ProblemError


def test_sizes_in_equal_ratios() -> None:
    assert _targets([1, 2, 3, 90, 100], 3) == pytest.approx([1, 10, 100])
    assert _targets([5, 7], 3) == [5, 7]
    assert _targets([5, 7, 9], 1) == [5]
    assert _targets([], 3) == []


@pytest.mark.skipif(
    tuple(map(int, timm.__version__.split(".")[:3])) < (1, 0, 22),
    reason="before timm 1.0.22 few models build on the meta device, so few are proposed",
)
def test_members_of_some_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "list_modules", lambda: ["pit", "starnet", "visformer"])
    found = list(candidates(32, 6_000_000))
    # visformer begins at 10 M. pit needs img_size=; its other model of up to 6 M differs by a
    # distillation token and head. starnet has 7 models up to 6 M: the ends and one between.
    assert [(family, member.model) for family, member, _ in found if family == "starnet"] == [
        ("starnet", "starnet_s050"),
        ("starnet", "starnet_s150"),
        ("starnet", "starnet_s3"),
    ]
    assert {family for family, _, _ in found} == {"pit", "starnet"}
    assert all(member.args == {"img_size": 32} for f, member, _ in found if f == "pit")
    for _, member, params in found:
        assert params == meta_cost(member, 32)[0] <= 6_000_000


def test_two_names_of_one_network_are_proposed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # cait's 224 and 384 px models differ in their position embeddings, but not with img_size=64.
    monkeypatch.setattr(timm, "list_modules", lambda: ["cait"])
    names = ["cait_xxs24_224", "cait_xxs24_384"]
    monkeypatch.setattr(timm, "list_models", lambda module: names)
    assert [member.model for _, member, _ in candidates(64, 13_000_000)] == names[:1]


def test_a_proposed_space_is_a_space_file() -> None:
    members = [(f"family{n % 5}", Member(model=f"model{n}")) for n in range(9)]
    members.append(("family4", Member(model="vit", args={"img_size": 64})))
    proposed = proposed_space("new", 64, members)
    assert len(proposed.families) == 5
    assert len(proposed.members) == 10
    assert space.parse(space.dump(proposed), "new.yaml", "new") == proposed


def test_too_few_families_are_no_space() -> None:
    with pytest.raises(ProblemError, match="only 1 families have a member"):
        proposed_space("new", 64, [("a", Member(model="b"))])
