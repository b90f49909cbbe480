"""Base classes of all values."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)


class Frozen(BaseModel):
    """A frozen value: equal by content, strict about unknown fields, JSON in both directions.

    Numbers must be finite: neither JSON nor a database can store others. True and False are no
    numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    _numeric: ClassVar[frozenset[str]] = frozenset()
    """Fields that are numbers, or contain some, and may not be True or False."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls._numeric = frozenset(
            n for n, f in cls.model_fields.items() if _is_numeric(f.annotation)
        )

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool | Mapping | list | tuple) and info.field_name in cls._numeric:
            if isinstance(value, bool):
                raise ValueError("should be a number")
            parts = value.values() if isinstance(value, Mapping) else value
            if any(isinstance(part, bool) for part in parts):
                raise ValueError("should contain numbers, not true or false")
        return value

    def with_(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated like a new value. (`model_copy` validates
        nothing, and copies cached properties of the old value.)

        Raises pydantic's ValidationError for an unknown field or an invalid value.
        """
        same = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**same, **changes})


class OmitDefaults(Frozen):
    """A value with fields that were added after the first ledgers were written.

    Fields in `omit_if_default` are left out of its data if they have their default. Fields in
    `data_names` keep the name in its data that they had when ledgers were written; such a field has
    that name as its `validation_alias`. So older content keeps its data, and a candidate its key.
    """

    omit_if_default: ClassVar[frozenset[str]] = frozenset()
    data_names: ClassVar[Mapping[str, str]] = {}

    @model_serializer(mode="wrap")
    def _without_defaults(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = plain(self)
        for name in self.omit_if_default:
            if getattr(self, name) == type(self).model_fields[name].default:
                data.pop(name, None)
        for name in self.data_names.keys() & data.keys():
            data[self.data_names[name]] = data.pop(name)
        return data


def _is_numeric(annotation: Any) -> bool:
    kinds = set(_kinds(annotation))
    return bool(kinds & {int, float}) and not kinds & {bool, Any}


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types inside an annotation, without those of a mapping's keys."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in (dict, Mapping):
        arguments = arguments[1:]
    yield annotation
    for argument in arguments:
        yield from _kinds(argument)
