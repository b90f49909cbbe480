"""The base of every noun."""

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A frozen value: equal by content, strict about unknown fields, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")
