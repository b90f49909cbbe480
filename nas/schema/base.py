"""Base classes of all values."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Frozen(BaseModel):
    """A frozen value: equal by content, strict about unknown fields, JSON in both directions.

    Numbers must be finite: neither JSON nor a database can store others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
