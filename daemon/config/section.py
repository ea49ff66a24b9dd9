"""What a block of a file is made of."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rules.alerts import Severity
from rules.units import duration_ms

DurationMs = Annotated[
    int, BeforeValidator(duration_ms, json_schema_input_type=str), Field(ge=0, description="30s, 5m, 1h30m or 2d")
]
Level = Annotated[Severity, Field(strict=False)]  # strict would refuse the word and want the enum's member


def one_or_more(value: object) -> object:
    """`desk` stands for `[desk]`."""
    return [value] if isinstance(value, str) else value


Word = Annotated[str, Field(min_length=1, max_length=64)]
Several = Annotated[list[Word], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])]


def lasting(default: str, key: str, about: str) -> Any:
    """A duration field: written `key: 6h`, held in milliseconds."""
    return Field(default=duration_ms(default), alias=key, description=about, json_schema_extra={"default": default})


class Section(BaseModel):
    """A block of the file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )
