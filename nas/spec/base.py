"""The base of every noun."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Noun(BaseModel):
    """A frozen value: equal by content, strict about unknown fields, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Grown(Noun):
    """A noun that has got fields since ledgers were first written.

    Fields named in `later` are left out of its data where they have their default, so that content
    which was there before keeps its data, and a candidate its key.
    """

    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = plain(self)
        for name in self.later:
            if getattr(self, name) == type(self).model_fields[name].default:
                data.pop(name, None)
        return data
