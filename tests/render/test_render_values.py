"""Values reach rendered code through `literal` and `word`, or not at all."""

import ast
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from render_samples import candidate

from nas.render import render
from nas.render.values import Code, UnsafeValueError, literal, only_code, quote, word
from nas.schema import Candidate, Member, ProblemError
from nas.schema.candidate import Expert

HOSTILE = [
    '"',
    "'",
    '"""',
    "it's",
    "a\nb",
    "a\rb",
    "a\u2028b",
    "a\u0085b",
    "a\x00b",
    "a\\",
    "\\N{BULLET}",
    "{{ 7 * 7 }}",
    "{% include 'x' %}",
    "{# #}",
    "# jinja: if x",
    "__import__('os').system('id')",
    "__import__",
    '"); import os; ("',
    "a b",
    "a#b",
    "a;b",
    "${HOME}",
    "\ud800",
    "ﬁ",
    "x" * 201,
    "avg\n",
]


class TestLiteral:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("avg", '"avg"'),
            ("", '""'),
            (True, "True"),
            (3, "3"),
            (-3, "-3"),
            (0.1, "0.1"),
            (1e-08, "1e-08"),
            ({}, "{}"),
            ({"img_size": 32, "act": "silu"}, '{"img_size": 32, "act": "silu"}'),
        ],
    )
    def test_writes(self, value: Any, text: str) -> None:
        assert literal(value) == text

    @pytest.mark.parametrize(
        "value",
        [
            float("nan"),
            float("inf"),
            None,
            [1],
            b"x",
            object(),
            {"a b": 1},
            {"a": float("-inf")},
            Code("x"),
        ],
    )
    def test_refuses_what_is_no_scalar(self, value: Any) -> None:
        with pytest.raises(UnsafeValueError):
            literal(value)

    @pytest.mark.parametrize("text", HOSTILE)
    def test_refuses_hostile_text(self, text: str) -> None:
        with pytest.raises(UnsafeValueError, match="is not a word"):
            literal(text)
        with pytest.raises(UnsafeValueError, match="is not a word"):
            word(text)

    @given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()))
    @example('it\'s "both"')
    @example("\\")
    def test_even_without_the_rule_for_words_quoting_holds(self, value: Any) -> None:
        if value in (float("inf"), float("-inf")):
            return
        read = ast.literal_eval(quote(value))
        assert (type(read), read) == (type(value), value)


def test_what_no_filter_passed_is_not_printed() -> None:
    assert only_code(literal("a")) == '"a"'
    for value in ("a", 1, literal("a") + "b", f"{word('a')}"):
        with pytest.raises(UnsafeValueError, match=r"without \| literal or \| word"):
            only_code(value)


def single(family: str, member: Member) -> Candidate:
    sample = candidate("single")
    return sample.with_(experts=(Expert.model_construct(family=family, member=member),))


def rendered_experts(source: str) -> Any:
    """The EXPERTS table of a rendered file, read without running it."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "EXPERTS":
            assert node.value is not None
            return ast.literal_eval(node.value)
    raise AssertionError("no EXPERTS table")


SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(HOSTILE))


class TestWholeFiles:
    """Any value whatever: it stands in the file as that value, or the candidate is refused."""

    @given(value=SCALARS)
    def test_argument_values(self, value: Any) -> None:
        # Past the nouns' own checks, here and below, so that rendering is judged by itself.
        member = Member.model_construct(model="test_resnet", args={"drop_rate": value})
        sample = single("ResNet", member)
        refusal = ""
        try:
            source = render(sample)
        except ProblemError as error:
            refusal = str(error)
        if refusal:
            assert isinstance(value, str | float), "whole numbers and truth values are safe"
            assert refusal.startswith("family 'ResNet', member 'test_resnet': ")
        else:
            [(_, _, args)] = rendered_experts(source)
            assert args == {"drop_rate": value}
            assert type(args["drop_rate"]) is type(value)

    @given(text=st.one_of(st.text(), st.sampled_from(HOSTILE), st.from_regex(r"[\w.+-]{1,9}")))
    @pytest.mark.parametrize("field", ["family", "model", "argument"])
    def test_names(self, field: str, text: str) -> None:
        names = {"family": "ResNet", "model": "test_resnet", "argument": "drop_rate", field: text}
        member = Member.model_construct(model=names["model"], args={names["argument"]: 1})
        sample = single("ResNet", Member(model="test_resnet"))
        expert = Expert.model_construct(family=names["family"], member=member)
        sample = sample.with_(experts=(expert,))
        try:
            source = render(sample)
        except ProblemError:
            return
        expected = (names["family"], names["model"], {names["argument"]: 1})
        assert rendered_experts(source) == [expected]
        # Nothing but the table and the docstring differs from a tame candidate's file.
        tame = ast.parse(render(single("ResNet", Member(model="test_resnet"))))
        assert [ast.dump(n) for n in ast.parse(source).body[5:]] == [
            ast.dump(n) for n in tame.body[5:]
        ]

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("axis", ["mixing", "gate_width", "temperature"])
    def test_hostile_choices_are_refused(self, axis: str, text: str) -> None:
        with pytest.raises(ProblemError, match=f"is not a value of {axis}"):
            render(candidate(**{axis: text}))
        with pytest.raises(ProblemError, match="is not an axis"):
            render(candidate().with_(choices={text: 1}))
