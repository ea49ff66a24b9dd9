"""An answer made of several: how old its oldest part is, and which parts are missing or not whole."""

from collections.abc import Awaitable, Hashable, Mapping
from typing import Any, TypeVar

from daemon.server.table import Table
from daemon.server.tzone.endpoint import Data
from daemon.upstream.cache import Answer, Unavailable

T = TypeVar("T")


class Parts:
    """Collects what several upstreams said while an endpoint loads."""

    def __init__(self, now_ms: int) -> None:
        self._at_ms = now_ms
        self._is_stale = False
        self._reasons: list[str] = []

    def take(self, answer: Answer[T]) -> T:
        """The value of an answer, whose age and trouble count from now on."""
        self._at_ms = min(self._at_ms, answer.at_ms)
        self._is_stale = self._is_stale or answer.is_stale
        if answer.error is not None:
            self.lacks(answer.error)
        return answer.value

    async def maybe(self, what: str, question: Awaitable[Answer[T]], otherwise: T) -> T:
        """What the answer can do without; `what` is missing, and why, is told in `error`."""
        try:
            return self.take(await question)
        except Unavailable as exc:
            self.lacks(f"{what}: {exc}")
            return otherwise

    def lacks(self, reason: str) -> None:
        """Something is not there; each reason is told once."""
        if reason not in self._reasons:
            self._reasons.append(reason)

    def data(self, table: Table, extra: Mapping[str, Any] | None = None, extra_version: Hashable = None) -> Data:
        """All of it."""
        return Data(
            table,
            self._at_ms,
            extra=extra or {},
            extra_version=extra_version,
            is_stale=self._is_stale,
            error="; ".join(self._reasons) or None,
        )
