"""Finds templates and the partials that they include."""

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    meta,
    nodes,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nas import resources
from nas.render.values import literal, only_code, word
from nas.schema import ProblemError, did_you_mean
from nas.trust import is_trusted

SUFFIX = ".py.j2"


@dataclass(frozen=True)
class Part:
    """A template, or a partial it includes."""

    path: Path
    source: str
    tree: nodes.Template


class _Folders(FileSystemLoader):
    """Detects changes by text, not by time. So a new file earlier in the search path is noticed,
    and the text that is rendered is the text that was hashed and consented to."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, path, _ = super().get_source(environment, template)
        return source, path, lambda: self._finds(environment, template, (source, path))

    def _finds(self, environment: Environment, template: str, known: tuple[str, str]) -> bool:
        try:
            return super().get_source(environment, template)[:2] == known
        except (OSError, UnicodeDecodeError, TemplateNotFound):
            return False


def templates() -> dict[str, Path]:
    """Every template by name; the working directory's own take precedence over shipped ones."""
    return dict(sorted(resources.files("templates", SUFFIX).items()))


def environment() -> ImmutableSandboxedEnvironment:
    """The Jinja environment over the template folders, the working directory's first."""
    return _environment(tuple(resources.folders("templates")))


@lru_cache(maxsize=8)
def _environment(folders: tuple[Path, ...]) -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(
        loader=_Folders(folders),
        undefined=StrictUndefined,
        finalize=only_code,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # A partial may be importable Python: its Jinja is then in such comments.
        line_statement_prefix="# jinja:",
    )
    env.globals["imported_as_python"] = False
    env.filters |= {"literal": literal, "word": word}
    return env


def parsed(template: str) -> list[Part]:
    """The template and every partial that it includes, imports or extends, directly or not.

    Raises ProblemError for an unknown template or partial, a syntax error (with its line), and an
    include with a name that is not constant: it could not be hashed.
    """
    known = templates()
    if template not in known:
        raise ProblemError(f"there is no template {template!r}", fix=did_you_mean(template, known))
    env = environment()
    parts: dict[str, Part] = {}
    waiting = [(template + SUFFIX, f"template {template}")]
    while waiting:
        name, wanted_by = waiting.pop(0)
        if name in parts:
            continue
        part = parts[name] = _load(env, name, wanted_by)
        for other in meta.find_referenced_templates(part.tree):
            if other is None:
                raise ProblemError(
                    "a template is included by a name that is not constant",
                    where=str(part.path),
                    fix="write out each include, under an if",
                )
            waiting.append((other, str(part.path)))
    return list(parts.values())


def own_parts(template: str) -> list[Part]:
    """The parts of a template from the working directory. Raises as `parsed`."""
    shipped = resources.shipped("templates").resolve()
    return [part for part in parsed(template) if part.path.resolve().parent != shipped]


def runs_unasked(template: str) -> bool:
    """Whether a template's code may run without a request for it: it is shipped with nas, or its
    parts are trusted. Raises as `parsed`."""
    return all(is_trusted(part.source) for part in own_parts(template))


def check_trusted(template: str) -> None:
    """Raises ProblemError if a file of the working directory would replace a shipped template or
    partial without consent."""
    shipped = resources.shipped("templates")
    for part in own_parts(template):
        if (shipped / part.path.name).exists() and not is_trusted(part.source):
            raise ProblemError(
                "this template would replace the one shipped with nas",
                where=str(part.path),
                fix=f"allow it with `nas trust {shlex.quote(str(part.path))}`, until it changes; or"
                " move it away",
            )


def template_hash(template: str) -> str:
    """16 hexadecimal digits of a hash of a template and of every partial it uses.

    Raises ProblemError as `parsed`.
    """
    digest = hashlib.sha256()
    for part in parsed(template):
        for text in (part.path.name, part.source):
            digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()[:16]


def _load(env: ImmutableSandboxedEnvironment, name: str, wanted_by: str) -> Part:
    assert env.loader is not None
    try:
        source, path, _ = env.loader.get_source(env, name)
    except TemplateNotFound:
        raise ProblemError(
            f"there is no partial {name!r}",
            where=wanted_by,
            fix=did_you_mean(name, env.list_templates()),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"cannot be read: {error}", where=name) from None
    try:
        return Part(Path(path or name), source, _tree(env, name, source))
    except TemplateSyntaxError as error:
        raise ProblemError(str(error.message), where=f"{path}:{error.lineno}") from None


@lru_cache(maxsize=256)
def _tree(env: ImmutableSandboxedEnvironment, name: str, source: str) -> nodes.Template:
    env.compile(source, name)  # finds what parsing does not: unknown filters and tests
    return env.parse(source, name)
