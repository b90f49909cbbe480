"""A wrong file gets its path, its line, what was expected and the nearest right name."""

from pathlib import Path

import pytest
from loaded_modules import loaded_by
from real_nas import inside

from nas import space
from nas.schema import ProblemError
from nas.space.yaml_loader import read

GOOD = """\
description: four lines before the experts
template: moe4
image_size: 32
experts:
  choose: 2
  families:
    resnet: [test_resnet, resnet10t]
    vit: [{model: test_vit, args: {img_size: 32}}]
choices:
  mixing: [soft, top1]
recipe: {epochs: 2, lr: 1e-3}
"""


def refusal(text: str) -> str:
    with pytest.raises(ProblemError) as caught:
        space.parse(text, "my.yaml", "my")
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_the_text_that_the_cases_change_is_good() -> None:
    assert space.parse(GOOD, "my.yaml", "my").recipe.lr == 0.001


MISSPELT = {
    "top": ("image_size", "imagesize", "3: unknown field 'imagesize' — did you mean image_size?"),
    "experts": (
        "choose",
        "chose",
        "5: unknown field 'chose' in experts (and 1 more) — did you mean choose?",
    ),
    "recipe": (
        "epochs",
        "epoch",
        "11: unknown field 'epoch' in recipe — did you mean epochs?",
    ),
    "member": (
        "args",
        "arg",
        "8: unknown field 'arg' in experts.families.vit[0] — did you mean args?",
    ),
    "far from any": (
        "template",
        "zzz",
        "2: unknown field 'zzz' — choose from arms, channels, choices, dataset, description,"
        " experts, image_size, recipe, reference, replicates, template",
    ),
}
WRONG = {
    "type": ("32\n", "big\n", "3: image_size should be a valid integer; 'big' given"),
    "a data set": (
        "description: four lines before the experts",
        "dataset: cifar1",
        "1: dataset is 'cifar1', not one of cifar10, cifar100, classes, clusters, digits,"
        " folder, inverted-digits, noisy-digits, synthetic, tiny-imagenet"
        " — did you mean cifar10 or cifar100?",
    ),
    "half a character": ("top1]", '"\\ud800"]', "10: this is not Unicode text — write plain YAML"),
    "true for a number": ("32\n", "true\n", "3: image_size should be a number; true given"),
    "false for a rate": ("1e-3", "false", "11: recipe.lr should be a number; false given"),
    "bound": ("32\n", "4\n", "3: image_size should be greater than or equal to 8; 4 given"),
    "recipe bound": ("1e-3", "-1", "11: recipe.lr should be greater than 0; -1 given"),
    "recipe choice": (
        "lr: 1e-3",
        "augment: lite",
        "11: recipe.augment is 'lite', not one of none, light, standard, strong"
        " — did you mean light?",
    ),
    "no list": (
        "[soft, top1]",
        "soft",
        "10: choices.mixing should be a list, [first, second]; 'soft' given",
    ),
    "nested": (
        "[soft, top1]",
        "[soft, [top1]]",
        "10: choices.mixing[1] should be text, a number, true or false; a list given",
    ),
    "no member": (
        "[test_resnet, resnet10t]",
        "[]",
        "7: experts.families.resnet is empty — give it at least one entry, or remove it",
    ),
    "nothing": (
        "[test_resnet, resnet10t]",
        "",
        "7: experts.families.resnet should be a list, [first, second]; nothing given",
    ),
    "too few families": (
        "choose: 2",
        "choose: 3",
        "5: 3 experts of different families need at least 3 families; 2 given"
        " — add families or lower choose",
    ),
    "a member twice": (
        "resnet10t",
        "test_vit",
        "8: test_vit appears in resnet and in vit — remove one of the two",
    ),
    "a value twice": ("top1", "soft", "10: a value appears twice — remove one of the two"),
    "a key twice": (
        "recipe",
        "template",
        "11: 'template' appears twice; it is already in line 2 — remove one of the two",
    ),
    "procedure": (
        "lr: 1e-3",
        "procedure: jiont",
        "11: recipe.procedure is 'jiont', not one of domain_experts, finetune, growth,"
        " hot_plug, joint, probe, prune_regrow — did you mean joint?",
    ),
    "a procedure that trains no expert": (
        "lr: 1e-3",
        "procedure: gate",
        "11: recipe.procedure must train experts, and gate does not: leave it out; the choice"
        " start: [frozen] trains a gate over a bank's experts; 'gate' given",
    ),
    "more experts than any model": (
        "choose: 2",
        "choose: 10000",
        "5: experts.choose should be less than or equal to 16; 10000 given",
    ),
    "number for a name": ("mixing", "3", "10: choices[3] should be text; 3 given"),
}
NOT_PLAIN = {
    "python tag": ("[soft, top1]", "!!python/object/apply:os.system [ls]", "10: tags (!…)"),
    **{
        f"{tag} {value}": ("image_size: 32", f"image_size: {tag} {value}", "3: tags (!…)")
        for tag in ("!!int", "!!float", "!!timestamp", "!!bool", "!!str", "!!binary", "!")
        for value in ('""', "x", "32")
    },
    "no character": ("four lines before the experts", '"\\U00110000"', "1: this is not YAML"),
    "no number of one": ("four lines before the experts", '"\\UFFFFFFFF"', "1: this is not YAML"),
    "own tag": ("[soft, top1]", "!soft [soft]", "10: tags (!…)"),
    "anchor": ("[soft, top1]", "&a [soft]", "10: anchors and aliases"),
    "alias": ("[soft, top1]", "*a", "10: anchors and aliases"),
    "open list": (
        "[soft, top1]",
        "[soft, top1",
        "11: expected ',' or ']', but got ':' while parsing a flow sequence (from line 10)",
    ),
    "tab": ("  choose", "\tchoose", "5: found character '\\t'"),
    "nul": ("choose", "cho\0ose", "5: a character that YAML does not allow — remove it"),
    "second document": ("recipe:", "---\nrecipe:", "11: a second document begins here"),
    "list for a name": ("mixing:", "[a, b]:", "10: a field's name must be plain text"),
    "nothing for a name": ("mixing", "~", "10: a field's name must be plain text"),
    "nothing for a field": ("template", "null", "2: a field's name must be plain text"),
    "number for a field": ("template", "7", "2: unknown field '7' — choose from"),
    "depth": ("[soft, top1]", "[" * 5000, " nested too deeply"),
}


@pytest.mark.parametrize(("old", "new", "messages"), MISSPELT.values(), ids=MISSPELT)
def test_unknown_fields_name_the_nearest(old: str, new: str, messages: str) -> None:
    assert refusal(changed(f"{old}:", f"{new}:")) == f"my.yaml:{messages}"


@pytest.mark.parametrize(("old", "new", "messages"), WRONG.values(), ids=WRONG)
def test_wrong_values_say_what_was_expected(old: str, new: str, messages: str) -> None:
    assert refusal(changed(old, new)) == f"my.yaml:{messages}"


@pytest.mark.parametrize(("old", "new", "messages"), NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_not_plain_yaml_is_refused(old: str, new: str, messages: str) -> None:
    assert refusal(changed(old, new)).startswith(f"my.yaml:{messages}")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            f"experts: {{choose: 1, families: {{{', '.join(f'f{i}: [m]' for i in range(2001))}}}}}",
            "1: experts.families has more than 2,000 entries — leave some out",
        ),
        (
            f"choices: {{{', '.join(f'a{i}: [1]' for i in range(33))}}}",
            "1: choices has more than 32 entries — leave some out",
        ),
        (
            f"choices: {{a: {list(range(1001))}}}",
            "1: choices have 1,001 values, and at most 1,000 are allowed; a mapping given",
        ),
    ],
    ids=["families", "axes", "values"],
)
def test_no_space_is_too_large_to_count(text: str, messages: str) -> None:
    assert refusal(text) == f"my.yaml:{messages}"


@pytest.mark.parametrize("text", ["", "- a\n", "text\n", "3\n"])
def test_a_file_is_a_mapping(text: str) -> None:
    assert refusal(text).startswith(
        "my.yaml:1: a space file must be a mapping of fields — choose from"
    )


def test_a_space_needs_an_axis() -> None:
    assert refusal("template: moe4\n") == "my.yaml:1: a space needs at least one axis — add experts"


HOSTILE = [
    "x'); import os; os.system('ls'); ('",
    'x"',
    "x\ny",
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "x\\",
    "",
    " resnet",
    "résnet",
    "hf-hub:someone/else",
    "local-dir:/tmp/x",
    "../x",
    "__import__('os')",
    "x" * 200,
    "resnet\n",
]


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    ("old", "line"),
    [("resnet10t", 7), ("resnet", 7), ("test_vit", 8), ("img_size", 8), ("mixing", 10)],
    ids=["member", "family", "model", "argument", "axis"],
)
def test_hostile_names_are_refused_where_they_stand(value: str, old: str, line: int) -> None:
    for mark in (f"{old}:", f"{old},", f"{old}]"):
        if mark in GOOD:
            break
    text = GOOD.replace(mark, f"{quoted(value)}{mark[-1]}", 1)
    assert text != GOOD
    messages = refusal(text)
    assert messages.startswith(f"my.yaml:{line}: ")
    assert "\n" not in messages


@pytest.mark.parametrize("value", ["a'b", 'a"b', "a\nb", "{{ x }}", "a\\b", "é", "x" * 300, "(1)"])
@pytest.mark.parametrize(("old", "line"), [("32}", 8), ("top1]", 10)], ids=["argument", "choice"])
def test_hostile_texts_are_refused(value: str, old: str, line: int) -> None:
    messages = refusal(changed(old, f"{quoted(value)}{old[-1]}"))
    assert messages.startswith(f"my.yaml:{line}: ")
    assert "should be one word of letters, digits" in messages
    assert "\n" not in messages


@pytest.mark.parametrize("name", ["pretrained", "checkpoint_path", "num_classes", "class", "__x"])
def test_arguments_that_are_the_templates_or_read_files_are_refused(name: str) -> None:
    assert refusal(changed("img_size", name)).startswith(
        f"my.yaml:8: experts.families.vit[0].args.{name} "
    )


def test_an_unknown_model_names_the_nearest_and_its_line(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(changed("resnet10t", "\n      resnet10x"))
    with pytest.raises(ProblemError) as caught:
        space.check_models(space.load(str(path)), path)
    assert str(caught.value).startswith(f"{path}:8: timm ")
    assert "no model 'resnet10x' — did you mean resnet10t" in str(caught.value)


def test_without_a_file_an_unknown_model_names_its_space_and_family() -> None:
    wrong = space.parse(changed("test_vit", "tset_vit"), "my.yaml", "my")
    with pytest.raises(ProblemError, match=r"^space my, family vit: .* did you mean test_vit"):
        space.check_models(wrong)


@pytest.mark.proof
def test_known_models_are_found_without_timm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    check = "from nas.space import check_models, load\ncheck_models(load('tiny'))"
    assert "timm" in loaded_by(check)
    assert not loaded_by(check) & {"timm", "torch"}
    for kept in (tmp_path / "nas" / "models").iterdir():
        kept.write_text("[")
    assert "timm" in loaded_by(check)
    assert "timm" not in loaded_by(check)  # it is whole again
    tagged = space.parse(changed("test_vit", "test_vit.r160_in1k"), "my.yaml", "my")
    space.check_models(tagged)
    wrong = space.parse(changed("test_vit", "tset_vit"), "my.yaml", "my")
    with pytest.raises(ProblemError, match="did you mean test_vit"):
        space.check_models(wrong)


def test_a_version_of_thousands_of_digits() -> None:
    assert refusal(f"%YAML 1.{'9' * 5000}\n---\n{GOOD}").startswith("my.yaml:1: this is not YAML")


def test_many_faults_and_endless_lists_end() -> None:
    fields = "".join(f"z{i}: 1\n" for i in range(9000))
    assert refusal(GOOD + fields).startswith("my.yaml:12: unknown field 'z0' (and 8999 more)")
    for text in (f"extra: [{'a,' * 90_000}]\n", "".join(f"z{i}: 1\n" for i in range(15_000))):
        assert "more than 20,000 names and values" in refusal(GOOD + text)


def test_every_part_has_its_line_when_lines_are_requested_again_and_again() -> None:
    document = read(GOOD, "my.yaml")
    lines = [document.line(path) for path in (("recipe", "lr"), ("experts", "families", "vit", 0))]
    assert lines * 2 == [11, 8] * 2


def test_one_bad_file_is_reported_of_and_the_others_are_listed(tmp_path: Path) -> None:
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "bad.yaml").write_text('image_size: !!int ""\n')
    for words in ("spaces",), ("spaces", "--json"):
        done = inside(*words, cwd=tmp_path)
        assert done.returncode == 0
        assert "moe4" in done.stdout
        assert "not used in space files" in " ".join(done.stdout.split())
