"""Hears what people have said about alerts: silences and acknowledgements, whoever wrote them down."""

import asyncio
import logging

from daemon.clock import Clock
from daemon.recorder import Recorder
from rules.delivery import Acknowledgement, Silence
from storage.silences import Silences
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0  # the command line writes beside us, and nobody waits longer than this to be heard


class Ear:
    """Looks into the tables, and tells the recorder what has changed."""

    def __init__(self, silences: Silences, recorder: Recorder, clock: Clock) -> None:
        self.bell = asyncio.Event()  # somebody in this process has just written
        self._silences = silences
        self._recorder = recorder
        self._clock = clock
        self._heard: tuple[list[Silence], list[Acknowledgement]] | None = None

    async def listen(self) -> None:
        """For ever."""
        is_deaf = False
        while True:
            self.bell.clear()
            try:
                await self.look()
            except StorageTrouble as exc:
                level = logging.DEBUG if is_deaf else logging.WARNING
                log.log(level, "silences cannot be read", extra={"reason": str(exc)})
                is_deaf = True
            else:
                if is_deaf:
                    log.info("silences are read again")
                is_deaf = False
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self.bell.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Read once; StorageTrouble if that cannot be done now."""
        found = (await self._silences.active(self._clock()), await self._silences.acknowledged())
        if found != self._heard:
            await self._recorder.hear(*found)
            self._heard = found
