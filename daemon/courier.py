"""Takes a message to its chat: words, buttons, a picture if there is one, and changes what was told before."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from daemon.clock import Clock
from daemon.late import Late, Paint, Sketch
from daemon.ledger import LaneStatus, Ledger
from rules.alerts import Change, Severity
from rules.delivery.gather import GOOD_NEWS
from rules.delivery.letters import Form
from rules.delivery.policy import SinkPolicy
from rules.kinds import say
from sinks.base import Busy, Gone, Message, Picture, Receipt, Shows, SinkTrouble, Uncertain, Undeliverable, Unreached
from sinks.registry import PacedSink
from sinks.render import render
from storage.behind import Behind
from storage.deliveries import Delivery
from storage.outbox import Outbox
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

Dress = Callable[[Delivery, Message], Awaitable[Message]]  # puts buttons under a message that is about to leave

PATIENCE_S = 30.0  # longer than any driver's own time-outs; past it the answer did not come
SINGLES = 3  # always come one by one
NO_ANSWER = "no answer came"
PICTURED = frozenset({Change.FIRED, Change.ESCALATED, Change.STILL, Change.CLEARED})  # else the one there is true
HANG_TRIES, HANG_AGAIN_S = 3, 2.0  # a chat may need a moment until a file can be shown


@dataclass(frozen=True, kw_only=True)
class LaneConfig:
    """How one sink wants its messages treated."""

    sink: PacedSink
    address_hash: str
    repeats: frozenset[Severity] = frozenset({Severity.CRITICAL})  # sent once more when the answer was lost
    policy: SinkPolicy | None = None  # when it wants to be told; None: at once, and edited where the chat can
    late_after_ms: int = 120_000
    dress: Dress | None = None  # None: nothing can be pressed
    paint: Paint | None = None  # None: words only
    behind: Behind | None = None  # messages that do not say what has happened since; None: nothing does


@dataclass(frozen=True)
class Sent:
    """What was taken."""

    receipt: Receipt
    words: Message  # without buttons, which depend on what was pressed meanwhile
    sketch: Sketch | None  # a picture that did not go along


class Courier:
    """One sink's. Whatever leaves counts against `pace`; what became of it, whoever sends writes down."""

    def __init__(
        self,
        name: str,
        config: LaneConfig,
        status: LaneStatus,
        ledger: Ledger,
        outbox: Outbox,
        clock: Clock,
        label: str | None,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.pace = config.sink.pace
        self.policy = config.policy or SinkPolicy(name=name, can_edit=config.sink.can_edit)
        self.late: Late
        self._name = name
        self._config = config
        self._status = status
        self._ledger = ledger
        self._outbox = outbox
        self._clock = clock
        self._label = label
        self._sleep = sleep
        self._takes_ms = 0.0  # how long a message takes of late, until the chat has answered
        self._is_unshown = False  # the latest picture could not be shown

    def spend(self) -> None:
        """A message is about to leave."""
        self.pace = self.pace.spent(self._clock())

    def spare_ms(self) -> int:
        """How long until another message could leave at once after the next."""
        return min(self.pace.spare_ms(self._clock()), self.pace.gap_ms)

    def room(self, now_ms: int) -> int | None:
        """How many messages leave before somebody would ask why they are late; None: any number."""
        within_ms = self.policy.group.backlog_ms
        if not within_ms:
            return None
        rooms = [self.pace.room(now_ms, within_ms), int(within_ms / self._takes_ms) if self._takes_ms else None]
        room = min((room for room in rooms if room is not None), default=None)
        return None if room is None else max(room, SINGLES)

    async def send(self, delivery: Delivery) -> Sent:
        """As a new message or in the place of an earlier one. Raises what became of it instead: see `sinks.base`."""
        began_ms = self._clock()
        sent = await self._send(delivery)
        self._takes_ms = (self._takes_ms + max(0, self._clock() - began_ms)) / 2
        return sent

    async def _send(self, delivery: Delivery) -> Sent:
        sketch, words = self._sketch(delivery), self._message(delivery)
        message = await self._dressed(delivery, words)
        if (
            sketch is not None
            and self._config.sink.shows is Shows.WITH
            and not (delivery.attempts or delivery.is_repeat)
        ):
            # what did not arrive before goes as light as it can
            message = replace(message, picture=await self.late.in_time(sketch))
        if message.picture is not None:
            sketch = None
        if delivery.edits is not None:
            for changed in filter(None, (delivery.edits_too, delivery.edits)):
                begun = await self.late.forget(changed)
                if sketch is None and message.picture is None:
                    sketch = begun  # there is nothing newer to see
            if (name := await self._edit(delivery, message, delivery.edits)) is not None:
                return Sent(Receipt(name), words, sketch)
            await self._ledger.note(self._outbox.send_anew, delivery.key)
        async with asyncio.timeout(PATIENCE_S):
            return Sent(await self._config.sink.deliver(message), words, sketch)

    async def refresh(self, delivery: Delivery, name: str) -> None:
        """Let the alert's first message say how it stands. What matters was told aloud: this is tried once."""
        self.spend()
        words = self._message(delivery, is_edit=True)
        sketch = await self.late.forget(name)
        try:
            async with asyncio.timeout(PATIENCE_S):
                receipt = await self._config.sink.deliver(await self._dressed(delivery, words), edits=name)
            self._status.edited += 1
        except Busy as exc:
            log.debug("the first message stays as it was", extra=self._ledger.about(delivery, str(exc)))
            await self._ledger.hold(exc)
        except (SinkTrouble, TimeoutError) as exc:
            log.debug("the first message stays as it was", extra=self._ledger.about(delivery, str(exc) or NO_ANSWER))
        else:
            name = await self._named(delivery, name, receipt)
            if sketch is not None:
                await self.follow(delivery, name, words, sketch)

    async def say_anew(self, delivery: Delivery, first: str) -> None:
        """Let the messages that this replaces read as they would now. Raises Busy or Unreached."""
        words = self._message(delivery, is_edit=True)
        message = await self._dress(delivery, words)
        sketch = None
        for changed in filter(None, (delivery.edits_too, first)):
            sketch = await self.late.forget(changed) or sketch
        name = await self._edit(delivery, message, first)
        if sketch is not None and name is not None:
            await self.follow(delivery, name, words, sketch)

    async def _edit(self, delivery: Delivery, message: Message, first: str) -> str | None:
        """Change the messages that this replaces, the latest first; the first one's name, or None: the latest cannot be.

        The first may have been deleted, or stand in an earlier chat: the last word is true without it. An edit whose
        answer was lost is made again: the same edit twice is one edit.
        """
        is_changed, named = True, first
        for number, name in enumerate(filter(None, (delivery.edits_too, first))):
            if number:
                self.spend()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    receipt = await self._config.sink.deliver(message, edits=name)
            except (Uncertain, TimeoutError) as exc:
                raise Unreached(str(exc) or NO_ANSWER) from exc
            except (Undeliverable, Gone) as exc:  # it cannot be changed, or is in a chat of an earlier address
                log.debug("a message cannot be changed", extra=self._ledger.about(delivery, str(exc)))
                is_changed = is_changed and number > 0
            else:
                renamed = await self._named(delivery, name, receipt)
                named = renamed if name == first else named
        self._status.edited += is_changed
        return named if is_changed else None

    async def _named(self, delivery: Delivery, name: str, receipt: Receipt) -> str:
        """The message's name after an edit: with a picture it may have another."""
        if receipt.message_id is None or receipt.message_id == name or delivery.alert is None:
            return name
        await self._ledger.note(self._outbox.rename, self._name, delivery.alert.episode_id, name, receipt.message_id)
        return receipt.message_id

    # -- pictures -------------------------------------------------------------------------------------------------

    def _sketch(self, delivery: Delivery) -> Sketch | None:
        """Begin a picture of the alert, where the chat shows one and there is something new to see."""
        paint = self._config.paint
        if paint is None or self._config.sink.shows is Shows.NEVER:
            return None
        if delivery.form is not Form.ALERT or delivery.alert is None or delivery.change not in PICTURED:
            return None
        return self.late.begin(paint(delivery.alert, self._label))

    async def follow(self, delivery: Delivery, name: str, words: Message, sketch: Sketch) -> None:
        """Hang the picture under its words when it comes. The next words do not wait for it."""

        async def hang(name: str, picture: Picture | None) -> None:
            for _ in range(HANG_TRIES):
                await self._spare()
                if self._status.disabled is not None or (self._status.held_until_ms or 0) > self._clock():
                    return
                try:
                    dressed = await self._dress(delivery, words)
                    async with asyncio.timeout(PATIENCE_S):
                        receipt = await self._config.sink.deliver(replace(dressed, picture=picture), edits=name)
                except (Unreached, StorageTrouble) as exc:  # an edit without buttons would take them away
                    log.debug("picture did not leave", extra=self._ledger.about(delivery, str(exc)))
                    await self._sleep(HANG_AGAIN_S)
                except Busy as exc:
                    await self._ledger.hold(exc)
                    return
                except (SinkTrouble, TimeoutError) as exc:
                    level = logging.DEBUG if self._is_unshown else logging.WARNING  # said once, until one is shown
                    log.log(
                        level, "words stay without a picture", extra=self._ledger.about(delivery, str(exc) or NO_ANSWER)
                    )
                    self._is_unshown = True
                    return
                else:
                    self._is_unshown = False
                    name, picture = await self._named(delivery, name, receipt), None
                    if await self._is_still(dressed, delivery, words):
                        return

        await self.late.follow(name, sketch, hang)

    async def _is_still(self, dressed: Message, delivery: Delivery, words: Message) -> bool:
        """Whether no button was pressed while a picture was on its way; it would have written over who did what."""
        try:
            return dressed == await self._dress(delivery, words)
        except StorageTrouble:
            return True

    async def _spare(self) -> None:
        """Until a picture may leave and the next words still could at once."""
        while wait_ms := min(self.pace.spent(self._clock()).wait_ms(self._clock()), self.pace.burst * self.pace.gap_ms):
            before = self.pace
            await self._sleep(wait_ms / 1000)
            if self.pace is before:  # no words have left meanwhile; a clock that was set back must not keep us
                break
        self.spend()

    async def _dressed(self, delivery: Delivery, message: Message) -> Message:
        """With its buttons; without a database it goes out bare, because the words matter more."""
        try:
            return await self._dress(delivery, message)
        except StorageTrouble as exc:
            log.warning("message goes without buttons", extra=self._ledger.about(delivery, str(exc)))
            return message

    async def _dress(self, delivery: Delivery, message: Message) -> Message:
        return message if self._config.dress is None else await self._config.dress(delivery, message)

    def _message(self, delivery: Delivery, *, is_edit: bool = False) -> Message:
        """The words, as they are true now."""
        late_after_ms = self._config.late_after_ms
        notice = delivery.notice(is_edit=is_edit)
        message = render(notice, self._clock(), say=say, label=self._label, late_after_ms=late_after_ms)
        told = [delivery.change]
        if delivery.form is Form.DIGEST:
            told = [change for member in delivery.members for change in member.changes]
        is_good_news = bool(told) and all(change in GOOD_NEWS for change in told)
        return replace(
            message,
            is_silent=is_good_news or delivery.severity in self.policy.silent,
            replies=None if is_edit else delivery.replies,
        )
