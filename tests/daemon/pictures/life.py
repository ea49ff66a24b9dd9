"""A log as the recorder leaves it, and the alerts that came of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rules.alerts import Transition
from rules.compiled import Rule
from rules.engine import Engine
from rules.events import EVENTS, Event
from rules.ordinary import filled
from rules.spec import parse
from storage.database import Database
from storage.journal import Batch, Journal

M, H, D = 60_000, 3_600_000, 86_400_000
T = 1_795_262_460_000  # 2026-11-21 12:01 UTC


def ruled(**fields: Any) -> Rule:
    """A compiled rule, as it is written in YAML."""
    return parse({"id": "r", **fields}).compile()


def said(on: str, at_ms: int, **fields: Any) -> Event:
    """An event with ordinary values for all that is not said."""
    place = {"venue": "binance"} if on == "fear_greed" else {"venue": "binance", "symbol": "BTC-USDT-PERP"}
    given = {**place, "at_ms": at_ms, "received_ms": at_ms, **fields}
    return msgspec.convert(filled(EVENTS[on], given), EVENTS[on])


def address(where: Path | str) -> str:
    """Of a database: a folder stands for the file in it."""
    return where if isinstance(where, str) else str(where / "tocsin.db")


async def lived(
    where: Path | str, rule: Rule, events: Iterable[Event], *, ticks: Sequence[int] = ()
) -> list[Transition]:
    """What the rule said of these events, all written down. At the `ticks` only time passes."""
    engine, found, log = Engine([rule]), [], list(events)
    moments: list[tuple[int, Event | None]] = [(event.received_ms, event) for event in log]
    moments += [(at_ms, None) for at_ms in ticks]
    for at_ms, event in sorted(moments, key=lambda moment: moment[0]):
        found += engine.tick(at_ms) if event is None else engine.observe(event, at_ms)
    database = await Database.open(address(where))
    try:
        await Journal(database).commit(Batch(events=log, transitions=found), T)
    finally:
        await database.close()
    return found
