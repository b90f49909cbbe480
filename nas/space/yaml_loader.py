"""Reads YAML text by YAML 1.2's core schema and keeps line numbers.

PyYAML follows YAML 1.1, in which `off` is False, `1e-3` is text and `1:30` is ninety. Space files
should mean what they look like, so scalars are resolved by our own rules. The loader is safe: tags,
anchors and duplicate keys are refused.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from nas.schema import ProblemError

_NULL = "tag:yaml.org,2002:null"
# At most 18 digits: a longer number is text, so that no number has unbounded size.
CORE_SCHEMA = [
    (_NULL, re.compile(r"(?:~|null|)\Z")),
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z"),
    ),
]


MOST_PARTS = 20_000
"""Maximum number of names, values, lists and mappings. All of timm's models with arguments need
half of it; some tens of thousands are read per second."""


class _Loader(yaml.SafeLoader):
    """A safe loader without aliases, tags and duplicate keys, limited to MOST_PARTS parts."""

    parts = 0
    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases (& and *) are not used in space files",
                problem_mark=event.start_mark,
            )
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="tags (!…) are not used in space files", problem_mark=event.start_mark
            )
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise yaml.MarkedYAMLError(
                problem=f"more than {MOST_PARTS:,} names and values", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        try:
            node.value.encode()
        except UnicodeEncodeError:  # an escape of half a character, such as "\ud800"
            raise yaml.MarkedYAMLError(
                problem="this is not Unicode text", problem_mark=node.start_mark
            ) from None
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _NULL:
                raise yaml.MarkedYAMLError(
                    problem="a field's name must be plain text", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} appears twice; it is already in line {seen[key.value]}",
                    problem_mark=key.start_mark,
                )
            seen[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


for _tag, _pattern in CORE_SCHEMA:
    _Loader.add_implicit_resolver(_tag, _pattern, None)


@dataclass(frozen=True)
class Document:
    """A file's content, with the line of each part."""

    data: Any
    root: yaml.Node | None

    def line(self, path: Sequence[str | int]) -> int:
        """The line, from 1, of the part at `path`, or of the nearest existing enclosing part.

        A mapping's entry begins at its key.
        """
        node, line = self.root, 1
        for step in path:
            if isinstance(node, yaml.MappingNode):
                entry = self._entries(node).get(str(step))
                if entry is None and step == 0:  # it stands for a list of one
                    continue
                if entry is None:
                    break
                node, line = entry[1], entry[0].start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                if step >= len(node.value):
                    break
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def _entries(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """A mapping's (key, value) nodes by the key's text; cached for thousands of look-ups."""
        if id(node) not in self._known:
            self._known[id(node)] = {entry[0].value: entry for entry in node.value}
        return self._known[id(node)]

    @cached_property
    def _known(self) -> dict[int, dict[str, tuple[yaml.Node, yaml.Node]]]:
        return {}


def read(text: str, where: str) -> Document:
    """YAML text → Document. Raises ProblemError, `where`:line, for text that is not plain YAML."""
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        what = _message(error)
        fix = "remove one of the two" if "appears twice" in what else "write plain YAML"
        raise ProblemError(what, where=f"{where}{line}", fix=fix) from None
    except yaml.YAMLError as error:  # characters that YAML forbids; these errors have no line
        position = getattr(error, "position", 0)
        line = str(text.count("\n", 0, position) + 1)
        raise ProblemError(
            "a character that YAML does not allow", where=f"{where}:{line}", fix="remove it"
        ) from None
    except (ValueError, OverflowError):  # \U00110000; a version with more digits than int() takes
        line = str(loader.line + 1) if loader else "1"
        raise ProblemError(
            "this is not YAML: an escape or a number in it is too large",
            where=f"{where}:{line}",
            fix="write plain YAML",
        ) from None
    except RecursionError:
        raise ProblemError("nested too deeply", where=where, fix="write plain YAML") from None
    finally:
        if loader is not None:
            loader.dispose()
    return Document(data, root)


def _message(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's message, with the line where the unfinished part begins."""
    if isinstance(error, yaml.composer.ComposerError):
        return "a second document begins here; a space file contains only one"
    what = error.problem or "not YAML"
    if error.context and error.context_mark:
        what += f" {error.context} (from line {error.context_mark.line + 1})"
    return what
