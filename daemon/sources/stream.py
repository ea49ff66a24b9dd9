"""A feed over a WebSocket: connects, holds one conversation after another, and says when it is broken or back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

from daemon.sources.base import Context, Feed
from daemon.sources.conversation import Conversation, Ears, Ended
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.subscription import Subscription
from daemon.sources.wanted import Wishes
from daemon.supervisor import Busy, Refused, Transient
from daemon.upstream.http import BAN_S, BLOCKED_S, USER_AGENT
from daemon.wire.control import Unreadable

log = logging.getLogger(__name__)

FRAME_MAX = 8 * 1024 * 1024  # OKX's list of instruments is the largest frame we ask for, well below 1 MB

ASK_AGAIN_MAX_S = 60.0


class _Opened(NamedTuple):
    script: Script
    socket: ClientConnection
    wishes: Wishes  # that the script was made for


class Stream(Feed):
    """One connection to one venue, renewed for ever."""

    def __init__(
        self,
        *,
        name: str,
        venue: str,
        url: str,
        context: Context,
        sieve: Sieve,
        script: Callable[[], Awaitable[Script]],
        timing: Timing,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        """`script` is asked before every connection and when wishes change, and may look around over REST first
        (Transient if it cannot).

        `secrets` are texts that nothing we say may show, whatever the far end sends.
        """
        super().__init__(name=name, venue=venue, context=context, sieve=sieve)
        self._url, self._script, self._timing = url, script, timing
        self._headers, self._secrets = dict(headers or {}), tuple(secrets)
        self._unlisted_told: set[str] = set()
        self._connections = 0
        self._next: _Opened | None = None

    async def _work(self) -> None:
        try:
            while True:
                wishes = self._wishes
                opened, self._next = self._next or await self._open(), None
                if opened is None:
                    # wanted, but not listed here: nothing to listen to until the venue lists it
                    await self._up()
                    await self._idle(wishes)
                else:
                    await self._converse(opened)
        except Transient as exc:
            raise type(exc)(self._hide(str(exc)), retry_after_s=exc.retry_after_s) from exc
        finally:
            opened, self._next = self._next, None
            if opened is not None:
                await opened.socket.close()

    async def _open(self) -> _Opened | None:
        """Look around and connect; None if there is nothing to ask for."""
        wishes = self._wishes  # before the script reads them: what changes meanwhile is followed afterwards
        script = await self._ask()
        if not script.first.topics:
            self._tell_unlisted(script.first)
            return None
        return _Opened(script, await self._connect(), wishes)

    async def _ask(self) -> Script:
        try:
            return await self._script()
        except Unreadable as exc:  # what the venue told us over REST before the conversation
            raise Transient(str(exc)) from exc

    async def _idle(self, wishes: Wishes) -> None:
        try:
            async with asyncio.timeout(self._timing.look_again_s):
                await self._wished_other_than(wishes)
                await asyncio.sleep(self._timing.revise_s)
        except TimeoutError:
            return

    async def _revised(self, wishes: Wishes) -> tuple[Script, Wishes]:
        """What is to be said when wishes have become others than these, and the wishes it is for.

        A venue that cannot say what it lists costs nothing: what is subscribed goes on, and it is asked again.
        """
        timing, tries = self._timing, 0
        while True:
            await self._wished_other_than(wishes)
            await asyncio.sleep(timing.revise_s)
            now_wished = self._wishes
            if now_wished == wishes:
                continue
            try:
                return await self._ask(), now_wished
            except (Transient, Refused) as exc:
                level = logging.DEBUG if tries else logging.WARNING
                log.log(level, "wishes have to wait", extra={"feed": self.name, "error": self._hide(str(exc))})
                wait_s = min(ASK_AGAIN_MAX_S, timing.revise_again_s * 2.0 ** min(tries, 32))
                tries += 1
                await asyncio.sleep(max(wait_s, getattr(exc, "retry_after_s", None) or 0.0))

    async def _renew(self) -> None:
        """Have the next connection ready before this one is given up."""
        self._next = await self._open()

    async def _converse(self, opened: _Opened) -> None:
        script, socket, wishes = opened

        async def revised() -> Script:
            nonlocal wishes
            script, wishes = await self._revised(wishes)
            return script

        self.status.reconnects += self._connections > 0
        self._connections += 1
        ears = Ears(
            clock=self._context.clock,
            heard_frame=self._heard_frame,
            heard=self._publish,
            unreadable=lambda why, frame: self._unreadable(self._hide(why), frame),
            left_out=lambda rows, why: self._unreadable(why, why, rows),
            planned=self._tell_unlisted,
            settled=self._settled,
            well=self._up,
            renew=self._renew,
            revised=revised,
        )
        try:
            await Conversation(socket=socket, script=script, timing=self._timing, ears=ears).hold()
        except Ended:
            pass
        finally:
            self.status.topics = 0
            await socket.close()

    async def _connect(self) -> ClientConnection:
        timing = self._timing
        try:
            return await connect(
                self._url,
                additional_headers=self._headers,
                user_agent_header=USER_AGENT,
                open_timeout=timing.open_s,
                close_timeout=timing.close_s,
                ping_interval=None,  # the conversation keeps its own clock: pongs of this layer do not count everywhere
                max_size=FRAME_MAX,
                compression=None,  # frames are small and many: their latency is worth more than their bytes
            )
        except InvalidStatus as exc:
            raise self._turned_away(exc) from exc
        except InvalidURI as exc:
            raise Refused(f"{self.name}: the address is not a WebSocket address") from exc
        except TimeoutError as exc:
            raise Transient(f"no connection within {timing.open_s:g} s") from exc
        except OSError as exc:
            raise Transient(f"no connection: {exc.strerror or type(exc).__name__}") from exc
        except WebSocketException as exc:
            raise Transient(self._hide(f"no connection: {exc}")) from exc

    def _turned_away(self, exc: InvalidStatus) -> Transient | Refused:
        status = exc.response.status_code
        advice = exc.response.headers.get("Retry-After", "")
        advice_s = float(advice) if advice.isdecimal() else None
        is_page = (exc.response.body or b"").lstrip()[:1] == b"<"  # a firewall's: no key would help
        if status == 401 or (status == 403 and self._secrets and not is_page):
            return Refused(f"the venue refused the key ({status}): it is missing, wrong, or not allowed to do this")
        if status in (403, 418, 429, 503):
            if advice_s is None and status in (403, 418):
                advice_s = BAN_S
            return Busy(f"the venue is busy or keeps us out ({status})", retry_after_s=advice_s)
        if status == 451:
            return Busy("the venue does not serve this country or network (451)", retry_after_s=BLOCKED_S)
        return Transient(f"the venue answered {status} where a WebSocket was due")

    def _heard_frame(self, received_ms: int) -> None:
        self.status.frames += 1
        self.status.last_frame_ms = received_ms

    def _settled(self, subscription: Subscription) -> None:
        """Every item was answered: say which were refused, unless that is old news."""
        rejected = {item: self._hide(why) for item, why in subscription.rejected.items()}
        news = {item: why for item, why in rejected.items() if item not in self.status.rejected}
        if news:
            log.warning(
                "items were refused, the rest goes on",
                extra={"feed": self.name, "items": sorted(news), "why": sorted(set(news.values()))},
            )
        self.status.rejected = rejected
        self.status.topics = len(subscription.accepted)

    def _tell_unlisted(self, plan: Plan) -> None:
        news = sorted(set(plan.unlisted) - self._unlisted_told)
        if news:
            self._unlisted_told.update(news)
            # no warning: hardly a venue lists all that a rule on every venue names
            log.info("wanted coins are not listed here", extra={"feed": self.name, "coins": news})

    def _hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text
