"""Rows as earlier programs left them, written out: what made them must not follow what the program writes today."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from storage.database import normalise
from storage.migrations import upgrade
from tests.storage.episodes import HOUR_MS, NOW, Episode

Row = dict[str, Any]
BTC, ETH, SOL, XRP = (Episode(f"{coin}-USDT-PERP") for coin in ("BTC", "ETH", "SOL", "XRP"))
WAITS, FLIES = f"{ETH.episode_id}/fired/0/phone", f"{SOL.episode_id}/fired/0/phone"
TOLD, TOO_TOLD = f"{BTC.episode_id}/fired/0/phone", f"{BTC.episode_id}/fired/0/desk"
DUE_MS = NOW + 7 * HOUR_MS  # of a digest


def first_rows() -> dict[str, list[Row]]:
    """Of every table at revision 0001: three alerts fire; one was told to two lanes, one waits, one was on its way."""
    return {
        "events": [_event(1), _event(2)],
        "alerts": [_alert(one) for one in (BTC, ETH, SOL)],
        "transitions": [_transition(one) for one in (BTC, ETH, SOL)],
        "states": [_state(one) for one in (BTC, ETH, SOL)],
        "outbox": [
            _message(TOLD, "phone", BTC, "sent") | {"finished_ms": NOW + 1, "message_id": "phone/17"},
            _message(TOO_TOLD, "desk", BTC, "sent") | {"finished_ms": NOW + 1},
            _message(FLIES, "phone", SOL, "sending") | {"send_started_ms": NOW + 2},
            _message(WAITS, "phone", ETH, "waiting"),
            _message("words", "desk", None, "waiting") | {"text": '{"headline":"hello","lines":["again"]}'},
            _message("dead", "desk", ETH, "dead") | {"finished_ms": NOW + 1, "last_error": "chat not found"},
        ],
        "lanes": [{"lane": lane, "address_hash": "hash", "failures": 0} for lane in ("desk", "phone")],
        "meta": [{"name": "last_alive_ms", "value": str(NOW)}],
    }


def later_rows() -> dict[str, list[Row]]:
    """Of every table at revision 0006: the same, a summary and a digest, what was pressed, silenced and let in."""
    rows = first_rows()
    for one in rows["outbox"]:
        one |= {"form": "words" if one["text"] else "alert", "is_urgent": False, "group_key": None, "due_ms": NOW}
    rows["alerts"].append(_alert(XRP))
    rows["transitions"].append(_transition(XRP))
    sent = {"finished_ms": NOW + 3, "message_id": "phone/18", "form": "summary", "is_urgent": False, "due_ms": NOW}
    kept = {"form": "alert", "is_urgent": False, "due_ms": NOW, "finished_ms": NOW + 3}
    rows["outbox"] += [
        _message("together", "phone", XRP, "sent") | sent | {"group_key": "funding", "created_ms": NOW - 1},
        _message("merged", "phone", SOL, "merged") | kept | {"merged_into": "together"},
        _message("kept", "desk", XRP, "suppressed")
        | kept
        | {"merged_into": "digest", "muted": "quiet hours until 07:00", "last_error": "muted: quiet hours until 07:00"},
        _message("digest", "desk", None, "waiting") | {"form": "digest", "is_urgent": False, "due_ms": DUE_MS},
    ]
    made = {"created_ms": NOW, "expires_ms": NOW + 48 * HOUR_MS}
    pressed = {"press": "p1", "action": "hour", "who": "@anna", "pressed_ms": NOW + 5, "shown_ms": NOW + 6}
    return rows | {
        "buttons": [
            made | {"token": "b1", "key": TOLD, "lane": "phone", "episode_id": BTC.episode_id},
            made | {"token": "b2", "key": TOO_TOLD, "lane": "desk", "episode_id": BTC.episode_id},
            made | {"token": "b3", "key": "together", "lane": "phone", "episode_id": None, "place": "{}"} | pressed,
        ],
        "bots": [{"bot": "b0", "holder": "process 1", "until_ms": NOW, "next_update": 5, "heard_ms": NOW}],
        "standings": [],  # the daemon makes them anew of alerts that have none
        "silences": [
            {
                "silence_id": "hour-b3",
                "matchers": "{}",
                "episode_id": XRP.episode_id,
                "author": "@anna",
                "reason": "",
                "created_ms": NOW + 5,
                "until_ms": NOW + HOUR_MS,
                "ended_by": "",
            }
        ],
        "acknowledgements": [{"episode_id": SOL.episode_id, "who": "@ben", "at_ms": NOW + 5}],
        "api_keys": [{"key_id": "tk1", "name": "desk", "digest": "d1", "created_ms": NOW, "scope": "read"}],
        "token_families": [{"family": "f1", "key_id": "tk1", "created_ms": NOW}],
        "refresh_tokens": [{"digest": "r1", "family": "f1", "created_ms": NOW, "expires_ms": NOW + HOUR_MS}],
    }


async def written(url: str, revision: str, rows: dict[str, list[Row]]) -> None:
    """A database as the program of that revision left it."""
    engine = create_async_engine(normalise(url))
    async with engine.begin() as connection:
        await connection.run_sync(upgrade, revision)
        for table, some in rows.items():
            for row in some:
                names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
                await connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
    await engine.dispose()


def _event(number: int) -> Row:
    at_ms = NOW + number
    return {
        "type": "liquidation",
        "venue": "bybit",
        "symbol": "BTC-USDT-PERP",
        "at_ms": at_ms,
        "received_ms": at_ms,
        "once_key": f"bybit:BTC-USDT-PERP:long:{at_ms}:60000.0:1.5",
        "payload": f'{{"type":"liquidation","at_ms":{at_ms},"received_ms":{at_ms},"venue":"bybit",'
        '"symbol":"BTC-USDT-PERP","side":"long","quantity":1.5,"price":60000.0,"price_kind":"bankruptcy",'
        '"notional_usd":90000.0}',
    }


def _alert(one: Episode) -> Row:
    return {
        "episode_id": one.episode_id,
        "rule_id": "hot-funding",
        "kind": "funding",
        "fingerprint": one.mark,
        "key": f'{{"venue":"binance","symbol":"{one.key["symbol"]}"}}',
        "severity": "warning",
        "is_firing": True,
        "is_momentary": False,
        "sequence": 0,
        "started_ms": NOW,
        "held_since_ms": NOW,
        "at_ms": NOW,
        "value": 0.0008,
        "threshold": 0.0005,
        "peak": 0.0008,
        "facts": f'{{"rate":0.0008,"symbol":"{one.key["symbol"]}"}}',
    }


def _transition(one: Episode) -> Row:
    said = {"change": "fired", "reason": "first", "severity": "warning", "value": 0.0008, "at_ms": NOW}
    return {"episode_id": one.episode_id, "sequence": 0} | said


def _state(one: Episode) -> Row:
    key = f'{{"venue":"binance","symbol":"{one.key["symbol"]}"}}'
    alert = (
        f'{{"episode_id":"{one.episode_id}","rule_id":"hot-funding","kind":"funding","key":{key},"severity":"warning",'
        f'"is_firing":true,"is_momentary":false,"sequence":0,"started_ms":{NOW},"held_since_ms":{NOW},"at_ms":{NOW},'
        '"ended_ms":null,"value":0.0008,"threshold":0.0005,"peak":0.0008,"facts":{"rate":0.0008}}'
    )
    payload = (
        f'{{"fingerprint":"{one.mark}","rule_id":"hot-funding","spec_hash":"spec","key":{key},"phase":"firing",'
        f'"rung":0,"since_ms":{NOW},"alert":{alert}}}'
    )
    return {"fingerprint": one.mark, "rule_id": "hot-funding", "phase": "firing", "payload": payload}


def _message(key: str, lane: str, one: Episode | None, status: str) -> Row:
    return {
        "key": key,
        "lane": lane,
        "episode_id": None if one is None else one.episode_id,
        "change": None if one is None else "fired",
        "severity": "info" if one is None else "warning",
        "sequence": 0,
        "text": None,
        "created_ms": NOW,
        "expires_ms": NOW + 12 * HOUR_MS,
        "status": status,
        "attempts": 0,
        "repeats": 0,
    }
