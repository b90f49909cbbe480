"""CONTRIBUTING.md names files, folders and targets that exist."""

import re

from test_docs_api import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def test_every_path_exists() -> None:
    named = re.findall(
        r"`((?:nas|tests|docs|templates|search_spaces|analysis|\.ci)/[\w./-]*)`", TEXT
    )
    plain = [path for path in named if not re.search(r"NAME|ROOM", path)]
    folders = [path.rpartition("/")[0] for path in named if "NAME" in path]
    assert len(plain) > 10
    assert [path for path in [*plain, *folders] if not (ROOT / path).exists()] == []


def test_every_target_that_it_names_is_made() -> None:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make (\w+)", TEXT))
    assert named <= made
    assert {"check", "test", "proof", "format", "docs", "golden"} <= named
