"""Each refusal is one line that says what, where and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from render_samples import CNNS, candidate

from nas.render import axes, check_space, render, template_hash
from nas.render.axes import check_knob, knobs
from nas.schema import Axis, Choice, ExpertAxis, Member, ProblemError, Space, Variant

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes templates into the working directory's own folder."""
    folder = tmp_path / "templates"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = folder / f"{name}.py.j2"
        path.write_text(text, "utf-8")
        return path

    return write


def problem(call: Callable[[], Any]) -> str:
    with pytest.raises(ProblemError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


BUILD = "def build(num_classes):\n    return None\n"


class TestTemplates:
    def test_unknown(self) -> None:
        text = problem(lambda: render(candidate("moe5")))
        assert text == "there is no template 'moe5' — did you mean moe4?"

    @pytest.mark.parametrize("name", ["../templates/moe4", "_gate", ""])
    def test_only_templates_are_templates(self, name: str) -> None:
        assert "there is no template" in problem(lambda: template_hash(name))

    @pytest.mark.parametrize(
        ("line", "what"),
        [
            ("x = {{ nothing | literal }}", "'nothing' is undefined"),
            ("x = {{ nothing }}", "'nothing' is undefined"),
            ("{% if nothing %}{% endif %}", "'nothing' is undefined"),
            ("x = {{ experts[0].size | word }}", "'dict object' has no attribute 'size'"),
            ("x = {{ channels }}", "3 is printed without | literal or | word"),
            ("x = {{ 'y' }}", "'y' is printed without | literal or | word"),
            ("x = {{ (1 / 0) | literal }}", "ZeroDivisionError: division by zero"),
            ("{{ refuse('no such model') }}", "no such model"),
            ("x = {{ axis('one', 1) + nothing }}", "'nothing' is undefined"),
            ("x = {{ experts.__class__ | literal }}", "access to attribute '__class__'"),
            ("x = {% if %}", "Expected an expression"),
            ("x = {{ channels | literally }}", "No filter named 'literally'"),
            ("{% include image_size %}", "not constant"),
            ("{{ axis(image_size, 1) | literal }}", "axis() takes only constants"),
            ("{{ axis('width') | literal }}", "invalid call of axis()"),
            ("{% set _ = knob('heat', image_size) %}", "knob() takes only constants"),
            ("{% set _ = knob('heat') %}", "invalid call of knob()"),
            ("{% set _ = knob('heat', 'warm') %}", "invalid call of knob()"),
            ("{% set _ = knob('heat', 1, minimum=2) %}", "1 is not a value of heat"),
            ("{{ axis('a', 3, minimum=5) | literal }}", "3 is not a value of a"),
            ("{% include '_gates.py.j2' %}", "there is no partial '_gates.py.j2'"),
        ],
    )
    @pytest.mark.parametrize("inside", ["template", "partial"])
    def test_says_which_template_and_line(
        self, write: Write, line: str, what: str, inside: str
    ) -> None:
        body = f"# one\n\n{line}\n{BUILD}"
        if inside == "template":
            path = write("mine", body)
        else:
            path = write("_part", body)
            write("mine", "{% include '_part.py.j2' %}\n")
        text = problem(lambda: render(candidate("mine")))
        assert what in text
        unplaced = "not constant" in what or "no partial" in what
        assert text.startswith(str(path) if unplaced else f"{path}:3: ")

    def test_text_that_is_not_python(self, write: Write) -> None:
        write("mine", f"{BUILD}x = = {{{{ channels | literal }}}}\n")
        text = problem(lambda: render(candidate("mine")))
        assert text.startswith("template mine: it renders text that is not Python")
        assert "'x = = 3'" in text

    def test_no_build(self, write: Write) -> None:
        write("mine", "x = 1\n")
        text = problem(lambda: render(candidate("mine")))
        assert text == "template mine: it renders no function build(num_classes)"

    def test_one_axis_declared_in_two_ways(self, write: Write) -> None:
        path = write("mine", "{% set a = axis('a', 1) %}\n{% set b = axis('a', 2) %}\n")
        text = problem(lambda: axes("mine"))
        assert text == f"{path}:2: axis a is declared twice, differently"

    def test_knobs_are_numbers_found_without_rendering(self, write: Write) -> None:
        path = write("mine", f"{{% set _ = knob('heat', 1, maximum=3) %}}\n{BUILD}")
        assert render(candidate("mine")) == BUILD
        assert axes("mine") == {}
        assert knobs("mine") == {"heat": Axis("heat", 1.0, maximum=3)}
        check_knob("mine", "heat", ((0.0, 0.5), (1.0, 3.0)))
        text = problem(lambda: check_knob("mine", "heat", ((0.0, 0.5), (1.0, 3.5))))
        assert text == "template mine: 3.5 is not a value of heat — give it -inf to 3"
        write("mine", f"{{% set _ = knob('heat', 1) %}}\n{{% set _ = knob('heat', 2) %}}\n{BUILD}")
        assert (
            problem(lambda: knobs("mine")) == f"{path}:2: knob heat is declared twice, differently"
        )

    def test_not_text(self, write: Write) -> None:
        write("mine", "").write_bytes(b"\xff\xfe\xff")
        assert "cannot be read" in problem(lambda: template_hash("mine"))


class TestChoices:
    @pytest.mark.parametrize(
        ("choices", "text"),
        [
            ({"mixng": "soft"}, "'mixng' is not an axis of this template — did you mean mixing?"),
            ({"mixing": "top3"}, "'top3' is not a value of mixing — did you mean top2 or top1?"),
            ({"mixing": 1}, "1 is not a value of mixing — choose from soft, top1, top2"),
            ({"gate_width": 4}, "4 is not a value of gate_width — give it 8 to 512"),
            ({"gate_width": True}, "True is not a value of gate_width — give it a whole number"),
            ({"gate_width": 64.0}, "64.0 is not a value of gate_width — give it a whole number"),
            ({"temperature": 5.5}, "5.5 is not a value of temperature — give it 0.5 to 5"),
        ],
    )
    def test_refused(self, choices: dict[str, Any], text: str) -> None:
        assert problem(lambda: render(candidate(**choices))) == f"template moe4: {text}"

    def test_no_candidate_has_a_choice_that_is_not_finite(self) -> None:
        with pytest.raises(ValidationError):
            candidate(noise=float("nan"))

    def test_an_int_may_stand_for_a_float(self) -> None:
        assert render(candidate(temperature=2)) == render(candidate(temperature=2.0))


class TestExperts:
    def test_top_2_of_one(self) -> None:
        one = {"ResNet": CNNS["ResNet"]}
        text = problem(lambda: render(candidate(experts=one, mixing="top2")))
        assert text.endswith("mixing top2 needs at least two experts")

    @pytest.mark.parametrize(
        ("template", "experts"), [("moe4", {}), ("single", {}), ("single", CNNS)]
    )
    def test_wrong_number(self, template: str, experts: dict[str, Member]) -> None:
        assert "expert" in problem(lambda: render(candidate(template, experts)))

    @pytest.mark.parametrize("name", ["pretrained", "num_classes", "in_chans", "checkpoint_path"])
    def test_arguments_that_are_not_a_spaces_to_give(self, name: str) -> None:
        experts = {"ResNet": Member(model="test_resnet", args={name: 1})}
        text = problem(lambda: render(candidate("single", experts)))
        where = "family 'ResNet', member 'test_resnet'"
        assert text == f"{where}: {name} cannot be set in a space — leave it out"


class TestSpaces:
    @staticmethod
    def space(
        families: dict[str, Any], *choices: Choice, k: int = 2, template: str = "moe4"
    ) -> Space:
        return Space(
            name="mine",
            template=template,
            experts=ExpertAxis(
                k=k, families={f: tuple(Member(**m) for m in ms) for f, ms in families.items()}
            ),
            choices=choices,
        )

    SOUND = {"A": [{"model": "a1"}, {"model": "a2"}], "B": [{"model": "b"}], "C": [{"model": "c"}]}

    def test_sound(self) -> None:
        mixing = Choice(name="mixing", values=("soft", "top1", "top2"))
        check_space(self.space(self.SOUND, mixing, Choice(name="noise", values=(0.0, 0.1))))
        check_space(self.space(self.SOUND, k=1, template="single"))

    def test_unknown_template(self) -> None:
        assert "no template" in problem(lambda: check_space(self.space(self.SOUND, template="moe")))

    def test_unknown_axis(self) -> None:
        bad = self.space(self.SOUND, Choice(name="gate_widths", values=(64,)))
        assert "did you mean gate_width?" in problem(lambda: check_space(bad))

    def test_one_bad_value_among_good_ones(self) -> None:
        bad = self.space(self.SOUND, Choice(name="mixing", values=("soft", "top9")))
        assert "'top9' is not a value of mixing" in problem(lambda: check_space(bad))

    def test_a_value_that_the_template_refuses(self) -> None:
        mixing = Choice(name="mixing", values=("soft", "top2"))
        text = problem(lambda: check_space(self.space(self.SOUND, mixing, k=1)))
        assert "mixing top2 needs at least two experts" in text

    @pytest.mark.parametrize(
        ("template", "k", "choices", "part"),
        [
            ("moe", 2, {}, ("template",)),
            ("moe4", 2, {"mixng": ["soft"], "noise": [0.1]}, ("choices", "mixng")),
            ("moe4", 2, {"mixing": ["soft", "softt"]}, ("choices", "mixing", 1)),
            ("moe4", 2, {"gate_width": [8, 9.5]}, ("choices", "gate_width", 1)),
            ("moe4", 1, {"gate_width": [8], "mixing": ["top2", "soft"]}, ("choices", "mixing", 0)),
            ("single", 2, {}, ("experts", "choose")),
        ],
    )
    def test_each_fault_has_its_place_in_the_file(
        self, template: str, k: int, choices: dict[str, Any], part: tuple[str | int, ...]
    ) -> None:
        axes = [Choice(name=name, values=tuple(values)) for name, values in choices.items()]
        bad = self.space(self.SOUND, *axes, k=k, template=template)
        text = problem(lambda: check_space(bad, lambda part: f"F:{part}"))
        assert text.startswith(f"F:{part}: ")

    PAIRS = (
        "{% set a = axis('a', 1) %}{% set b = axis('b', 1) %}\n"
        "{% if a == 2 and b == 2 %}{{ refuse('not both') }}{% endif %}\n"
        "def build(num_classes):\n    return None\n"
    )

    @pytest.mark.parametrize(
        ("a", "b", "part"),
        [
            ((1, 2), (1, 2), None),
            ((2, 1), (2, 1), None),  # the first of both is refused, and other pairs are not
            ((2,), (1, 2), ("choices", "b", 1)),
            ((1, 2), (2,), ("choices", "a", 1)),
            ((2,), (2,), ("choices", "a", 0)),
        ],
    )
    def test_what_is_refused_with_everything_is_an_error(
        self, a: tuple[int, ...], b: tuple[int, ...], part: object, write: Write
    ) -> None:
        write("pairs", self.PAIRS)
        axes = [Choice(name="a", values=a), Choice(name="b", values=b)]
        space = Space(name="s", template="pairs", choices=tuple(axes))
        if part is None:
            check_space(space)
            return
        text = problem(lambda: check_space(space, lambda part: f"F:{part}"))
        assert text == f"F:{part}: not both"

    @pytest.mark.parametrize(
        ("variants", "b", "part"),
        [
            ({"one": 1, "two": 2}, (1, 2), None),
            ({"one": 1, "two": 2}, (2,), ("arms", "two", "a")),
            ({"two": 2}, (1, 2), ("choices", "b", 1)),
        ],
    )
    def test_an_arm_that_is_refused_with_everything_is_an_error(
        self, variants: dict[str, int], b: tuple[int, ...], part: object, write: Write
    ) -> None:
        write("pairs", self.PAIRS)
        arms = {arm: (Variant(label=arm, settings={"a": a}),) for arm, a in variants.items()}
        choices = (Choice(name="b", values=b),)
        space = Space(name="s", template="pairs", arms=arms, choices=choices)
        if part is None:
            check_space(space)
            return
        text = problem(lambda: check_space(space, lambda part: f"F:{part}"))
        assert text == f"F:{part}: not both"

    def test_a_template_s_own_fault_is_in_the_template(self, write: Write) -> None:
        path = write("mine", "{% set a = axis('a', 1) %}\n{{ nothing }}\n")
        bad = self.space(self.SOUND, Choice(name="a", values=(1, 2)), template="mine")
        text = problem(lambda: check_space(bad, lambda part: f"F:{part}"))
        assert text.startswith(f"{path}:2: ")

    def test_hostile_family(self) -> None:
        bad = self.space(self.SOUND | {'"""\nimport os': [{"model": "x"}]})
        assert "is not a word" in problem(lambda: check_space(bad))

    def test_hostile_argument_of_the_last_member(self) -> None:
        last = {"Z": [{"model": "z1"}, {"model": "z2", "args": {"act": "{{ x }}"}}]}
        text = problem(lambda: check_space(self.space(self.SOUND | last)))
        assert text.startswith("family 'Z', member 'z2': '{{ x }}' is not a word")
