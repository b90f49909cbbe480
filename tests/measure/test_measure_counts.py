"""What a version of timm and torch was once asked is not asked again."""

from pathlib import Path
from typing import Any

import pytest
import torch
from loaded_modules import loaded_by

from nas.compute import resolved
from nas.measure import conditions, counts, meta, meta_cost
from nas.measure.versions import torch_version
from nas.schema import Member, ProblemError

SOUND = Member(model="test_resnet")
WRONG = Member(model="resnet18", args={"img_size": 32})


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models that are built for their counts, beginning with an empty cache."""
    built: list[str] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    count = meta.count

    def watched(member: Member, *conditions: Any) -> tuple[int, int]:
        built.append(member.model)
        return count(member, *conditions)

    monkeypatch.setattr(meta, "count", watched)
    counts._meta_cost.cache_clear()
    return built


def another_process() -> None:
    counts._meta_cost.cache_clear()


def test_counts_are_kept_for_later_processes(counted: list[str]) -> None:
    first = meta_cost(SOUND, 32)
    another_process()
    assert meta_cost(SOUND, 32) == first
    assert counted == ["test_resnet"]
    assert meta_cost(SOUND, 64) != first
    assert counted == ["test_resnet"] * 2


def test_a_refusal_is_kept_with_its_words(counted: list[str]) -> None:
    with pytest.raises(ProblemError) as first:
        meta_cost(WRONG, 32)
    another_process()
    with pytest.raises(ProblemError) as again:
        meta_cost(WRONG, 32)
    assert again.value.problem == first.value.problem
    assert counted == ["resnet18"]


def test_an_accident_is_not_kept(counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(meta, "create", lambda *_: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            meta_cost(SOUND, 32)
    assert meta_cost(SOUND, 32)[0] > 0


@pytest.mark.parametrize("package", ["timm", "torch"])
def test_another_version_is_counted_anew(
    counted: list[str], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    meta_cost(SOUND, 32)
    another_process()
    monkeypatch.setattr(
        counts,
        *{"timm": ("version", lambda _: "0"), "torch": ("torch_version", lambda: "0")}[package],
    )
    meta_cost(SOUND, 32)
    assert counted == ["test_resnet"] * 2


def test_a_damaged_file_is_counted_anew(counted: list[str], tmp_path: Path) -> None:
    first = meta_cost(SOUND, 32)
    for path in (tmp_path / "nas" / counts.KIND).iterdir():
        path.write_text('{"key": 1, "value": ["many", null]}')
    another_process()
    assert meta_cost(SOUND, 32) == first
    assert counted == ["test_resnet"] * 2


def test_versions_and_conditions_need_no_torch(counted: list[str]) -> None:
    meta_cost(SOUND, 32)
    found = loaded_by(
        "from nas.measure import conditions, meta_cost\n"
        "from nas.measure.versions import torch_version\n"
        "from nas.schema import Member\n"
        f"assert torch_version() == {torch.__version__!r} == conditions(32, 3, 10).torch\n"
        "meta_cost(Member(model='test_resnet'), 32)"
    )
    assert not found & {"torch", "timm"}
    assert torch_version() == torch.__version__


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_a_cpu_settles_precision_without_torch(precision: str) -> None:
    expected = resolved(precision, torch.device("cpu"))
    assert conditions(32, 3, 10, precision=precision).precision == expected
