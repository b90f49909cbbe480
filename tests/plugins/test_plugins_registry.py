"""A registry finds things by their files, and names what is wrong with one."""

import re
from collections.abc import Callable

import pytest
from added_files import EXAMPLES
from loaded_modules import loaded_by

from nas import registry
from nas.registry import LOSSES, METRICS, SAMPLERS, TRACKERS, Registry
from nas.sample import Sampler
from nas.schema import ProblemError, UsageError

Add = Callable[..., None]
ALL = [value for value in vars(registry).values() if isinstance(value, Registry)]
PATH = "nas/sample/samplers/mine.py"
HEAD = "from nas.sample.samplers.uniform import UniformSampler\n"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.kind)
def test_every_kind_has_things_and_an_example_in_the_guide(kind: Registry) -> None:
    assert kind.names()
    assert "base" not in kind.names()
    assert [path for path in EXAMPLES if path.startswith(kind.package.replace(".", "/") + "/")]


def test_listing_imports_none_of_them() -> None:
    code = (
        "from nas import registry as r\n"
        "[v.names() for v in vars(r).values() if isinstance(v, r.Registry)]"
    )
    loaded = loaded_by(code)
    assert not loaded & {"torch", "numpy", "pandas", "ray", "optuna", "mlflow", "nas.train"}


def test_an_unknown_name_gets_the_nearest_right_one() -> None:
    with pytest.raises(UsageError, match=r"no sampler is called 'unifrom' — did you mean uniform"):
        SAMPLERS.subclass("unifrom", Sampler)


def test_a_helper_is_not_a_thing(add: Add) -> None:
    add("nas/sample/samplers/_mine.py", HEAD + "class Mine(UniformSampler): ...\n")
    assert not any("mine" in name for name in SAMPLERS.names())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (HEAD, 0),
        ("class Mine: ...\n", 0),
        (HEAD + "class A(UniformSampler): ...\nclass B(UniformSampler): ...\n", 2),
    ],
)
def test_a_file_that_defines_another_number_than_one_is_named(
    text: str, count: int, add: Add
) -> None:
    add(PATH, text)
    with pytest.raises(ProblemError) as caught:
        SAMPLERS.subclass("mine", Sampler)
    assert "mine.py" in caught.value.problem.where
    assert f"must define one class that extends Sampler; this one defines {count}" in str(
        caught.value
    )


def test_a_private_class_and_an_imported_one_do_not_count(add: Add) -> None:
    add(PATH, HEAD + "class _A(UniformSampler): ...\nclass B(_A): ...\n")
    assert SAMPLERS.subclass("mine", Sampler).__name__ == "B"


def test_a_function_that_is_missing_is_named(add: Add) -> None:
    add("nas/moe/losses/mine.py", "from math import sqrt\ndef _helper(): ...\n")
    with pytest.raises(ProblemError, match="a file of a loss must define one public function"):
        LOSSES.function("mine")


def test_a_package_that_is_not_installed_is_named(add: Add) -> None:
    add("nas/campaign/trackers/mine.py", "import surely_not_installed.at_all\n")
    with pytest.raises(ProblemError) as caught:
        TRACKERS.subclass("mine", object)
    assert re.search(
        r"--log: the tracker mine needs the package surely_not_installed, .* pip install",
        str(caught.value),
    )


def test_a_mistake_in_an_import_of_nas_is_no_missing_package(add: Add) -> None:
    add("nas/moe/metrics/mine.py", "import nas.no_such_module\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        METRICS.function("mine")
