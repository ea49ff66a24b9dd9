"""Wires the house once: what opens is entered on one stack, so it closes in reverse."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any, Self

from daemon.alive import Alive, Vitals, vitals
from daemon.bus import Bus, Mailbox
from daemon.chat.chats import Chats
from daemon.chat.facts import Facts
from daemon.clock import Clock, wall_ms
from daemon.config.model import Config
from daemon.config.policy import policy_of
from daemon.config.reload import Refused, Reloaded, reloads
from daemon.demand import Demand
from daemon.desk import Desk
from daemon.dispatch import Dispatch
from daemon.ear import Ear
from daemon.feeds import Feeds
from daemon.keeping import Keeping
from daemon.recorder import Recorder
from daemon.server.api.changes import Changes
from daemon.server.auth import Gate
from daemon.server.serve import Server
from daemon.server.topics import Hub
from daemon.showroom import Showroom, limits, opened
from daemon.sources.sieve import REMEMBER_MS
from daemon.sources.timetable import Timetable
from daemon.trial.rehearsal import rehearse
from daemon.upstream.http import Http
from daemon.wishes import Wish, wishes
from rules.alerts import Phase
from rules.compiled import Rule
from rules.delivery import Policy, Post
from rules.engine import Engine
from rules.events import Event, FeedHealth
from sinks.post import open_session
from sinks.registry import Options
from storage.access import Access
from storage.database import Database
from storage.journal import Journal
from storage.log import known_facts, stored_events
from storage.outbox import Outbox
from storage.retention import forget
from storage.silences import Silences
from storage.standings import load_standings
from storage.states import last_alive_ms, load_states
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

FORGET_EVERY_S = 3_600.0
EXPIRE_EVERY_S = 60.0
FOLLOW_S = 0.02  # streams wait for more wishes themselves
DRAIN_S = 20.0  # for what came in before: a database that takes nothing must not keep us for ever
WARM_MAX_MS = 86_400_000
HOLD_FIRST_S, HOLD_MAX_S = 0.5, 15.0  # between two tries of a database that cannot take a reload

Say = Callable[[str], None]


class House:
    """One running daemon. `open` wires it, `live` runs it until `stop` is set."""

    def __init__(self, config: Config, *, clock: Clock, say: Say, options: Options) -> None:
        self.config = config
        self.clock = clock
        self.started_ms = clock()
        self.engine = Engine()
        self.rules: dict[str, Rule] = {}
        self.database: Database
        self.outbox: Outbox
        self.silences: Silences
        self.post = Post()
        self.recorder: Recorder
        self.ear: Ear
        self._alive: Alive
        self.chats: Chats
        self.feeds: Feeds
        self.hub: Hub
        self.changes: Changes | None = None
        self.server: Server
        self._wished = asyncio.Event()
        self.demand = Demand(self._wished.set)
        self._bus = Bus()
        self._mailbox = self._bus.mailbox("recorder")
        self.showroom: Showroom | None = None
        self.gate: Gate | None = None
        self._shown: Mailbox | None = self._bus.mailbox("views") if config.server.tables else None
        self._told: Mailbox | None = self._bus.mailbox("dialects") if config.server.tables else None
        self._keeping = Keeping(config.storage.sample_every_ms)
        self._say = say
        self._options = options
        self._desk: Desk
        self._timetable: Timetable

    @classmethod
    async def open(
        cls,
        config: Config,
        stack: AsyncExitStack,
        *,
        clock: Clock = wall_ms,
        say: Say = lambda text: None,
        options: Options | None = None,
    ) -> Self:
        """Open the database, take up where we stopped, and listen on the port. Raises StorageTrouble or PortTaken.

        `say` is told in lines what an operator at the console should see.
        """
        house = cls(config, clock=clock, say=say, options=options or Options())
        house.database = await Database.open(config.storage.address, clock=clock)
        stack.push_async_callback(house.database.close)
        house.outbox = Outbox(house.database)
        house.silences = Silences(house.database)
        session = await stack.enter_async_context(open_session(trust_env=True))
        house._desk = Desk(house.outbox, session, clock=clock, options=house._options)
        house.recorder = Recorder(
            engine=house.engine,
            journal=Journal(house.database),
            keeping=house._keeping,
            post=house.post,
            clock=clock,
            ring=house._ring,
        )
        house.ear = Ear(house.silences, house.recorder, clock)
        house._alive = Alive(
            house.outbox,
            session,
            wanted=lambda: house.config.alive,
            sinks=lambda: house.config.sinks,
            vitals=house._vitals,
            ring=house._desk.ring,
            clock=clock,
        )
        house.chats = Chats(house._facts(), session, patience=house._options.patience)
        house._desk.dress = house.chats.dress
        await house._recover()
        http = await stack.enter_async_context(Http(clock=clock))
        house._timetable = await stack.enter_async_context(Timetable())
        house._timetable.every(FORGET_EVERY_S, house._forget, name="retention")
        house._timetable.every(EXPIRE_EVERY_S, house._expire, name="expiry")
        stack.push_async_callback(house._desk.close)
        house.feeds = Feeds(publish=house._bus.publish, http=http, timetable=house._timetable, clock=clock)
        house.feeds.once.remember(await known_facts(house.database, clock() - REMEMBER_MS))
        stack.push_async_callback(house.feeds.stop)
        if config.server.tables:
            house.showroom = await stack.enter_async_context(opened(config, http, clock, house.demand.want))
            await house.showroom.remember(house.database, clock())
            house.hub = house.showroom.hub
        else:
            house.hub = await stack.enter_async_context(Hub((), limits(config), clock))
        house.changes = Changes(house.database, house.hub, clock)
        if config.server.is_guarded:
            secret = config.server.secret.get_secret_value() if config.server.secret is not None else None
            origins = frozenset(config.server.origins)
            house.gate = Gate(
                Access(house.database), secret=secret, clock=clock, origins=origins, show_out=house._show_out
            )
            await house.gate.load()
            if not house.gate.valid_keys:
                log.warning("no key is made yet, so nobody can read: tocsin keys create NAME")
        # last: who asks finds everything there
        house.server = await stack.enter_async_context(Server(house, config.server))
        return house

    @property
    def dispatch(self) -> Dispatch | None:
        """The lanes that run now."""
        return self._desk.dispatch

    @property
    def waiting_batches(self) -> int:
        """Batches of events that the recorder has not read yet."""
        return self._mailbox.waiting

    async def live(self, stop: asyncio.Event) -> None:
        """Run until `stop`; then take in nothing more, finish what came in, and let what is on its way arrive.

        A bug of ours in any part ends all the others, and is raised. StorageTrouble if the database did not take in
        time what came in last.
        """
        try:
            async with asyncio.timeout(None) as deadline:
                await self._live(stop, deadline)
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            why = self.recorder.held_reason or f"{self.database.place} is too slow"
            raise StorageTrouble(f"{why}; what was decided last is not written down") from exc
        except asyncio.CancelledError:
            self._desk.grace_s = 0.0  # somebody is in a hurry: what is on its way becomes uncertain
            raise
        for trouble in (self._desk.trouble, self.feeds.trouble):
            if trouble.done():
                trouble.result()

    async def _live(self, stop: asyncio.Event, deadline: asyncio.Timeout) -> None:
        ended, closing = asyncio.Event(), asyncio.Event()
        self._open_desk()
        async with asyncio.TaskGroup() as group:
            recording = group.create_task(self.recorder.run(self._mailbox, ended), name="recorder")
            reloading = group.create_task(self._reload(closing), name="reload")
            showing = self._show(group)
            await self._listen()
            following = group.create_task(self._follow(), name="demand")
            stopping = group.create_task(stop.wait(), name="stop")
            ends: set[asyncio.Future[Any]] = {stopping, recording, self.feeds.trouble, self._desk.trouble}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            deadline.reschedule(asyncio.get_running_loop().time() + DRAIN_S)
            stopping.cancel()
            closing.set()
            following.cancel()
            # a reload that has begun is finished: half of one would be neither
            await asyncio.wait({reloading, following})
            await self.feeds.stop()
            ended.set()
            await self._mailbox.put(())  # wakes the recorder, which else looks up once a second
            for task in showing:
                task.cancel()
        deadline.reschedule(None)
        await self._desk.close()

    def _policy(self) -> Policy:
        return policy_of(self.config, self.rules, self._desk.can_edit(self.config.sinks))

    def _vitals(self) -> Vitals:
        return vitals(
            rules=len(self.rules),
            alerts=sum(1 for _ in self.engine.firing()),
            feeds=self.feeds.statuses,
            lanes=self.dispatch.status if self.dispatch is not None else {},
            now_ms=self.clock(),
        )

    def _facts(self) -> Facts:
        return Facts(
            database=self.database,
            silences=self.silences,
            post=self.post,
            config=lambda: self.config,
            vitals=self._vitals,
            feeds=lambda: self.feeds.statuses,
            views=lambda: None if self.showroom is None else self.showroom.views,
            heard=self.ear.bell.set,
            clock=self.clock,
        )

    def _open_desk(self) -> None:
        self._desk.open(self.config.sinks, self.post.policy, self.recorder.why_muted, self.config.label)

    def _show(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Keep the tables moving, and show out whose key was revoked."""
        tasks = [
            group.create_task(self.ear.listen(), name="silences"),
            group.create_task(self._alive.run(), name="signs of life"),
            group.create_task(self.chats.run(), name="chats"),
        ]
        if self.changes is not None:
            tasks.append(group.create_task(self.changes.run(), name="changes of alerts"))
        if self.showroom is not None and self._shown is not None:
            tasks.append(group.create_task(self.showroom.run(self._shown), name="views"))
        if self.showroom is not None and self._told is not None:
            tasks.append(group.create_task(self.showroom.dialects.run(self._told), name="dialects"))
        if self.gate is not None:
            tasks.append(group.create_task(self.gate.watch(), name="keys"))
        return tasks

    def _show_out(self, key_or_login: str) -> None:
        self.hub.dismiss(key_or_login)

    def _ring(self, sinks: Iterable[str]) -> None:
        """Something was written down: wake the lanes, and whoever listens to alerts."""
        self._desk.ring(sinks)
        if self.changes is not None:
            self.changes.moved(self.recorder.transitions_seen)

    def _wishes(self) -> frozenset[Wish]:
        """What the rules, the tables and connected clients want to hear."""
        shown = self.showroom.wishes if self.showroom is not None else frozenset()
        return wishes(self.rules.values()) | shown | self.demand.wishes

    async def _follow(self) -> None:
        """Listen to what clients want, a moment after they have said so: many come at the same time."""
        while True:
            await self._wished.wait()
            await asyncio.sleep(FOLLOW_S)
            self._wished.clear()
            await self._listen()

    # -- restart and reload ---------------------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Take up the states and the messages that an earlier run has left."""
        now_ms = self.clock()
        alive_ms = await last_alive_ms(self.database)
        await self._desk.take_up(self.config.sinks, now_ms)
        await self._enable_lanes()
        self.rules = {spec.id: spec.compile() for spec in self.config.rules}
        self.engine.swap(self.rules.values(), now_ms)
        await self._warm(now_ms)
        states = await load_states(self.database)
        self.post.use(self._policy(), now_ms)
        self.post.restore(await load_standings(self.database))
        await self.recorder.decide(lambda engine, at_ms: engine.restore(states, at_ms, alive_ms=alive_ms))
        self.post.keep(one.alert.episode_id for one in self.engine.firing() if one.alert is not None)
        await self.ear.look()
        if states:
            log.info(
                "took up where we stopped",
                extra={"states": len(states), "away_s": (now_ms - (alive_ms or now_ms)) // 1000},
            )

    async def _enable_lanes(self) -> None:
        """A start is a person's deed, and may follow a repair at the far end: dead sinks get one more try."""
        for lane in await self.outbox.lanes():
            if lane.disabled_reason is not None:
                await self.outbox.enable_lane(lane.name)
                log.info("dead sink is tried again", extra={"sink": lane.name, "reason": lane.disabled_reason})

    async def _warm(self, now_ms: int) -> None:
        """Read the windows' past again from the log, so that a restart does not forget the last minute.

        Twice as far back as the longest window: a change is measured against the newest value that is a window old.
        """
        lengths: dict[type[Event], int] = {}
        for rule in self.rules.values():
            lengths[rule.on] = max(lengths.get(rule.on, 0), rule.window_ms)
        for kind, length_ms in lengths.items():
            since_ms = now_ms - min(WARM_MAX_MS, 2 * length_ms)
            async for events in stored_events(
                self.database, {str(kind.__struct_config__.tag)} if length_ms else (), since_ms
            ):
                for event in events:
                    self.engine.warm(event, event.received_ms)

    async def _reload(self, stop: asyncio.Event) -> None:
        async with aclosing(reloads(self.config, stop=stop, rehearse=rehearse)) as answers:
            async for answer in answers:
                match answer:
                    case Refused(error=error):
                        self._say(f"the files were saved with mistakes; what ran goes on running\n{error}")
                        log.warning(
                            "configuration has mistakes, the old one stays",
                            extra={"mistakes": str(error), "said": True},
                        )
                    case Reloaded(new=new, difference=difference):
                        await self._apply(new)
                        changes = str(difference) or "nothing is different"
                        self._say(f"the files were read again\n{changes}")
                        log.info("configuration is reloaded", extra={"difference": changes, "said": True})

    async def _apply(self, new: Config) -> None:
        """Swap rules and sinks between two events. Storage, server, sources and label wait for the next start."""
        old = self.config
        self.config = replace(new, sources=old.sources, storage=old.storage, server=old.server, label=old.label)
        self.rules = {spec.id: spec.compile() for spec in new.rules}
        self.recorder.use(self._policy(), self._keeping)
        # first the decisions, then the lanes: nothing is written any more to a lane that is gone
        await self.recorder.decide(lambda engine, now_ms: engine.swap(self.rules.values(), now_ms))
        if old.sinks != new.sinks:
            await self._desk.close()
            await self._patiently(lambda: self._desk.take_up(self.config.sinks, self.clock()))
            self._open_desk()
            self.chats.changed.set()
        await self._listen()

    async def _listen(self) -> None:
        await self.feeds.use(self._wishes(), self.config.sources, believed_down=self._believed_down())

    def _believed_down(self) -> set[tuple[str, str]]:
        """(venue, feed) of which the rules think that they are down."""
        return {
            (tracker.key["venue"], tracker.key["feed"])
            for rule in self.engine.rules.values()
            if rule.on is FeedHealth and {"venue", "feed"} <= set(rule.by)
            for tracker in self.engine.trackers(rule.rule_id)
            if tracker.phase is not Phase.INACTIVE
        }

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """As long as the database needs: a reload is finished, never left half done."""
        wait_s, said = HOLD_FIRST_S, False
        while True:
            try:
                return await work()
            except StorageTrouble as exc:
                log.log(logging.DEBUG if said else logging.ERROR, "reload waits", extra={"reason": str(exc)})
                said = True
            await asyncio.sleep(wait_s)
            wait_s = min(HOLD_MAX_S, wait_s * 2)

    # -- chores ---------------------------------------------------------------------------------------------------

    async def _forget(self) -> None:
        days = max(1, -(-self.config.storage.keep_ms // 86_400_000))  # 36h are two days: rather late than early
        try:
            removed = await forget(self.database, self.clock(), days=days)
        except StorageTrouble as exc:  # the recorder and the lanes say it loudly; this has time
            log.debug("old rows stay for now", extra={"reason": str(exc)})
            return
        log.debug("old rows are removed", extra={"events": removed.events, "messages": removed.messages})

    async def _expire(self) -> None:
        try:
            await self.outbox.expire(self.clock())
        except StorageTrouble as exc:
            log.debug("old messages wait to be ended", extra={"reason": str(exc)})
