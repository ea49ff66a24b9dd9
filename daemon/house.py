"""Wires the house once: what opens is entered on one stack, so it closes in reverse."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Self

from daemon.alive import Alive, Vitals, vitals
from daemon.bus import Bus, Mailbox
from daemon.chat.chats import Chats
from daemon.chat.facts import Facts
from daemon.chores import Chores
from daemon.clock import Clock, wall_ms
from daemon.config.model import Config
from daemon.config.policy import policy_of
from daemon.demand import Demand
from daemon.desk import Desk
from daemon.dispatch import Dispatch
from daemon.ear import Ear
from daemon.feeds import Feeds
from daemon.keeping import Keeping
from daemon.pictures.memory import Memory, recalled
from daemon.pictures.studio import Studio
from daemon.recorder import Recorder
from daemon.reloading import obey, patiently, warn_of_failures
from daemon.restart import believed_down, enable_lanes, heed_clock, warm
from daemon.server.api.changes import Changes
from daemon.server.auth import Gate
from daemon.server.serve import Server
from daemon.server.topics import Hub
from daemon.showroom import Showroom, limits, opened
from daemon.sources.sieve import REMEMBER_MS
from daemon.sources.timetable import Timetable
from daemon.upstream.http import Http
from daemon.wishes import Wish, wishes
from rules.compiled import Rule
from rules.delivery import Policy, Post
from rules.engine import Engine
from sinks.post import open_session
from sinks.registry import Options
from storage.access import Access
from storage.behind import Behind
from storage.bots import free_all
from storage.database import Database
from storage.journal import Journal
from storage.log import known_facts
from storage.outbox import Outbox
from storage.silences import Silences
from storage.standings import load_standings
from storage.states import last_alive_ms, load_states
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

FOLLOW_S = 0.02  # streams wait for more wishes themselves
DRAIN_S = 20.0  # for what came in before: a database that takes nothing must not keep us for ever

Say = Callable[[str], None]


class House:
    """One running daemon. `open` wires it, `live` runs it until `stop` is set."""

    def __init__(self, config: Config, *, clock: Clock, say: Say, options: Options) -> None:
        self.config = config
        self.clock = clock
        self.started_ms = clock()
        self.mistakes = 0  # in the files as they are saved; what ran before runs on
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
        self._memory = Memory(self.started_ms)
        self._studio: Studio
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
        house._desk.dress, house._desk.behind = house.chats.dress, Behind(house.database)
        house._studio = Studio(
            rules=lambda: house.rules,
            storage=config.storage.address,
            clock=clock,
            recall=lambda alert: recalled(house.engine.trackers(alert.rule_id), alert),
        )
        stack.push_async_callback(house._studio.aclose)
        house._desk.paint = house._studio.picture
        await house._recover()
        http = await stack.enter_async_context(Http(clock=clock))
        house._timetable = await stack.enter_async_context(Timetable())
        chores = Chores(house.database, house.outbox, keep_ms=config.storage.keep_ms, clock=clock)
        chores.plan(house._timetable)
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
        house.changes = Changes(house.database, house.hub)
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
            self._desk.grace_s = 0.0  # what arrives now could not be written down either
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
            reloading = group.create_task(
                obey(self.config, self._apply, self._say, closing, wrong=self._wrong), name="reload"
            )
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

    def _wrong(self, mistakes: int) -> None:
        self.mistakes = mistakes

    def _policy(self) -> Policy:
        return policy_of(self.config, self.rules, self._desk.can_edit(self.config.sinks))

    def _vitals(self) -> Vitals:
        return vitals(
            rules=len(self.rules),
            alerts=sum(1 for _ in self.engine.firing()),
            feeds=self.feeds.statuses,
            lanes=self.dispatch.status if self.dispatch is not None else {},
            now_ms=self.clock(),
            mistakes=self.mistakes,
            held=self.recorder.held_reason,
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
            trackers=self.engine.trackers,
            heard=self._heard,
            clock=self.clock,
        )

    def _open_desk(self) -> None:
        self._desk.open(self.config.sinks, self.post.policy, self.recorder.why_muted, self.config.label)
        if self._desk.shows_pictures:
            self._studio.warm()

    def _show(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Keep the tables moving, and show out whose key was revoked."""
        tasks = [
            group.create_task(self.ear.listen(), name="silences"),
            group.create_task(self._alive.run(), name="signs of life"),
            group.create_task(self.chats.run(), name="chats"),
            group.create_task(warn_of_failures(self.config), name="rehearsal"),
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

    def _heard(self) -> None:
        """Somebody has answered: the rules of who is told change, and messages that offer the same."""
        self.ear.bell.set()
        self._desk.ring(self.config.sinks)

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
        await enable_lanes(self.outbox)
        await heed_clock(self.outbox, alive_ms, now_ms)
        await free_all(self.database)
        self.rules = {spec.id: self._memory.attached(spec.compile()) for spec in self.config.rules}
        self.engine.swap(self.rules.values(), now_ms)
        await warm(self.engine, self.rules.values(), self.database, now_ms)
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

    async def _apply(self, new: Config) -> None:
        """Swap rules and sinks between two events. Storage, server, sources and label wait for the next start."""
        old = self.config
        self.config = replace(new, sources=old.sources, storage=old.storage, server=old.server, label=old.label)
        self.rules = {spec.id: self._memory.attached(spec.compile()) for spec in new.rules}
        self.recorder.use(self._policy(), self._keeping)
        # first the decisions, then the lanes: nothing is written any more to a lane that is gone
        await self.recorder.decide(lambda engine, now_ms: engine.swap(self.rules.values(), now_ms))
        if old.sinks != new.sinks:
            await self._desk.close()
            await patiently(lambda: self._desk.take_up(self.config.sinks, self.clock()))
            self._open_desk()
            self.chats.changed.set()
        self.feeds.try_again()
        await self._listen()

    async def _listen(self) -> None:
        await self.feeds.use(self._wishes(), self.config.sources, believed_down=believed_down(self.engine))
