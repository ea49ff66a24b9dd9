"""One REST host as its typed client sees it: where it is, what it allows, and how its refusals are told."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from daemon.supervisor import Busy
from daemon.upstream.http import BODY_MAX, Http
from daemon.upstream.limits import Budget
from daemon.wire.control import Throttled

T = TypeVar("T")
Params = Mapping[str, str | int]

THROTTLED_S = 10.0  # how long to stay away when a body says `too often` and does not say for how long


class Host:
    """Asks paths of one address and reads the answers.

    Busy, Transient and Refused come from `Http`; Unreadable from the wire module, when a good status brought a body
    that makes no sense or refuses.
    """

    def __init__(
        self,
        http: Http,
        base_url: str,
        *,
        budget: Budget,
        used_header: str | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self.url = base_url.rstrip("/")
        self._client = http.client(self.url, budget=budget, used_header=used_header)
        self._headers, self._secrets = headers, secrets

    async def get(
        self,
        path: str,
        read: Callable[[bytes], T],
        params: Params | None = None,
        *,
        weight: int = 1,
        longest: int = BODY_MAX,
    ) -> T:
        """What `read` makes of the answer to this path."""
        body = await self._client.get(
            self.url + path,
            params=params,
            weight=weight,
            headers=self._headers,
            secrets=self._secrets,
            longest=longest,
        )
        return _told(read, body)

    async def post(self, path: str, read: Callable[[bytes], T], question: object, *, weight: int = 1) -> T:
        """The same for a question that is sent as JSON."""
        return _told(read, await self._client.post(self.url + path, question=question, weight=weight))


def _told(read: Callable[[bytes], T], body: bytes) -> T:
    try:
        return read(body)
    except Throttled as exc:
        raise Busy(str(exc), retry_after_s=THROTTLED_S) from exc
