"""The base of every noun."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Frozen(BaseModel):
    """A frozen value: equal by content, strict about unknown fields, JSON both ways.

    Its numbers are finite: neither JSON nor a database has another kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def with_(self, **changes: Any) -> Self:
        """This value with some fields changed, validated as at birth: `model_copy` looks at
        nothing, and takes cached properties of the old value along.

        Raises pydantic's ValidationError for an unknown field and for a value beyond its bounds.
        """
        same = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**same, **changes})


class OmitDefaults(Frozen):
    """A noun that has got fields since ledgers were first written.

    Fields named in `later` are left out of its data where they have their default, so that content
    which was there before keeps its data, and a candidate its key.
    """

    omit_if_default: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = plain(self)
        for name in self.omit_if_default:
            if getattr(self, name) == type(self).model_fields[name].default:
                data.pop(name, None)
        return data
