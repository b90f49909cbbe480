"""Benchmarks run: nobody imports them, so nothing else would notice that one is broken."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "benchmarks"
SMALL = {
    "audit": ["--uniform", "20", "--stratified", "2", "--unfair", "2"],
    "evidence": ["--campaigns", "2", "--designs", "1", "--results", "120", "--effects"],
    "ledger": ["--attempts", "40"],
    "overhead": ["--executor", "local", "--trials", "4"],
    "page": ["--attempts", "40"],
    "pce": ["--widths", "8", "--seconds", "0"],
    "preflight": [],
    "sampler": ["--seeds", "1"],
    "sparse_heads": ["--turns", "2", "--seconds", "0"],
    "screen": ["--experts", "6", "--images", "200", "--top", "5"],
    "start": ["--runs", "1", "--only", "help"],
    "topk_inference": ["--rounds", "2"],
}
"""Arguments with which each takes less than a minute."""
ELSEWHERE = {
    "gpu": "needs a GPU: see tests/cuda",
    "pce_loop": "a module of pce.py",
    "screening": "takes minutes however small",
    "synthetic": "a module of page.py",
    "worlds": "a module of evidence.py",
}


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted(SMALL))
def test_it_runs(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), *SMALL[name]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert any(character.isdigit() for character in done.stdout)


def test_none_is_forgotten() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {*SMALL, *ELSEWHERE}
