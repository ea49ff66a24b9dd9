"""One thing that can be asked over HTTP: its path, what it is told, what it answers. The OpenAPI document is made of these."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from daemon.house import House


class Scope(StrEnum):
    """What a key is good for; who may act may also read."""

    READ = "read"
    ACT = "act"


class Asked(BaseModel):
    """The query of a request. Unknown names are refused, so that a misspelt filter does not answer with everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Told(BaseModel):
    """A JSON body, or an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Wrong(Told):
    """What is wrong with a request, and what would be right."""

    code: str
    """in one word: `not_found`, `out_of_range`, ..."""
    parameter: str | None = None
    """which part of the request"""
    message: str
    """for people"""


class Refusal(Told):
    """The answer to a request that cannot be served."""

    error: Wrong


class Trouble(Exception):
    """This request cannot be served; `status` is HTTP's."""

    def __init__(self, status: int, code: str, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.wrong = Wrong(code=code, parameter=parameter, message=message)


class Nothing(Asked):
    """No query at all."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What reached a resource, checked."""

    path: dict[str, str]
    query: Any  # of the resource's own `query`
    body: Any  # of the resource's own `body`; bytes where that is YAML; None for GET
    who: str  # who acts, for the record: the key's name, or `operator`


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One method of one path."""

    method: Literal["GET", "POST", "DELETE"]
    path: str  # /api/alerts/{id}/ack
    summary: str
    scope: Scope = Scope.READ
    query: type[Asked] = Nothing
    body: type[Told] | Literal["yaml"] | None = None
    answer: type[Told]
    work: "Callable[[House, Request], Awaitable[Told]]"


Severities = Literal["info", "warning", "critical"]
Limit = Field(default=100, ge=1, le=1_000, description="at most so many")
