"""What YAML scalars mean, and that dump and parse are inverse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas import space
from nas.schema import (
    Candidate,
    Choice,
    ExpertAxis,
    Member,
    ProblemError,
    Recipe,
    Scalar,
    Space,
    Task,
)
from nas.schema.candidate import Expert


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True),
        ("false", False),
        ("on", "on"),  # YAML 1.1: True
        ("no", "no"),  # False
        ("1e-3", 0.001),  # text
        ("010", "010"),  # 8
        ("2024-01-01", "2024-01-01"),  # a date
        ("12", 12),
        ("-1.5", -1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ('"12"', "12"),
        ("'true'", "true"),
        ("9" * 30, "9" * 30),
    ],
)
def test_scalars_mean_what_they_look_like(written: str, meant: Scalar) -> None:
    [choice] = space.parse(f"choices: {{a: [{written}]}}", "x.yaml", "x").choices
    assert choice.values == (meant,)
    assert type(choice.values[0]) is type(meant)


def test_a_member_alone_and_with_arguments() -> None:
    text = "experts: {choose: 1, families: {vit: [a, {model: b, args: {img_size: 32}}]}}"
    assert space.parse(text, "x.yaml", "x").members == (
        ("vit", Member(model="a")),
        ("vit", Member(model="b", args={"img_size": 32})),
    )


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,20}", fullmatch=True)
axis_names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
scalars = (
    st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,20}", fullmatch=True)
    | st.sampled_from(["", "true", "null", "1e-3", "1.", "12", "0x1F", "no", "2024-01-01"])
)
members = st.builds(
    Member,
    model=names,
    args=st.dictionaries(st.sampled_from(["img_size", "depth", "act_layer"]), scalars, max_size=2),
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    some = draw(st.lists(members, min_size=1, max_size=8, unique_by=lambda m: m.model))
    family_names = draw(st.lists(names, min_size=1, max_size=len(some), unique=True))
    families: dict[str, tuple[Member, ...]] = dict.fromkeys(family_names, ())
    for index, member in enumerate(some):
        families[family_names[index % len(family_names)]] += (member,)
    axes = st.lists(scalars, min_size=1, max_size=4, unique_by=repr)
    choices = draw(st.dictionaries(axis_names, axes, max_size=3))
    return Space(
        name="x",
        description=draw(st.text(st.characters(codec="utf-8", exclude_categories=["C"]))),
        template=draw(axis_names),
        image_size=draw(st.integers(8, 2048)),
        channels=draw(st.integers(1, 16)),
        experts=ExpertAxis(k=draw(st.integers(1, len(families))), families=families),
        choices=tuple(Choice(name=n, values=tuple(v)) for n, v in choices.items()),
        recipe=Recipe(
            epochs=draw(st.integers(1, 10_000)),
            lr=draw(st.floats(1e-12, 10)),
            augment=draw(st.sampled_from(["none", "light", "standard", "strong"])),
        ),
    )


@settings(deadline=None)
@given(spaces())
def test_dump_and_parse_are_inverse(given_space: Space) -> None:
    again = space.parse(space.dump(given_space), "x.yaml", "x")
    assert again == given_space
    # 1, 1.0 and True are equal to Python and not to a template.
    assert repr(again.choices) == repr(given_space.choices)
    assert repr(again.members) == repr(given_space.members)


@settings(deadline=None)
@given(st.text(max_size=200) | st.text("abc:-[]{}'\"#&*!|>%@ \n\t\\", max_size=80))
def test_text_that_is_no_space_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        space.parse(text, "x.yaml", "x")
    assert str(caught.value).startswith("x.yaml")
    assert len(str(caught.value).splitlines()) == 1


def test_a_candidate_s_key_stays_from_version_to_version() -> None:
    """Or a campaign would train again what an older nas has trained."""
    candidate = Candidate(
        template="moe4",
        template_hash="0" * 16,
        image_size=32,
        experts=(Expert(family="a", member=Member(model="m")),),
        recipe=Recipe(),
        task=Task(dataset="digits", split_seed=3),
    )
    assert candidate.key == "485c0866bbe8e3ae"
    held = candidate.with_(task=Task(split_seed=3, hold_out=0.1))
    assert Candidate.model_validate_json(held.model_dump_json()).task.hold_out == 0.1
