"""What people may set about any source, and how it is written."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from rules.units import duration_ms


class Settings(BaseModel):
    """The base of every source's Config: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _address(text: str, schemes: tuple[str, str]) -> str:
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"not an address; write {schemes[1]}://host or {schemes[0]}://host:port")
    return text.rstrip("/")


def _stream(text: str) -> str:
    return _address(text, ("ws", "wss"))


def _rest(text: str) -> str:
    return _address(text, ("http", "https"))


def _period(text: str) -> int:
    period_ms = duration_ms(text)
    if period_ms <= 0:
        raise ValueError("must be longer than nothing; write 30s or 5m")
    return period_ms


StreamUrl = Annotated[str, AfterValidator(_stream)]
RestUrl = Annotated[str, AfterValidator(_rest)]
Every = Annotated[  # milliseconds; written 30s, 5m, 1h30m
    int,
    BeforeValidator(_period),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?\s*(ms|s|m|h|d|w))+$", "examples": ["30s", "5m"]}),
]
