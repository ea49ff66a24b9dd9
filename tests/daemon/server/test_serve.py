"""What the house shows on its port, asked over real sockets."""

import asyncio
import base64
import hmac
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon.house import House
from rules.alerts import Severity
from storage.notices import Words
from tests.chats import Reply, Telegram, too_many
from tests.daemon.lanes import became, locked, until
from tests.daemon.town import FEED, Home, Venue, cheap

TOKEN = "a-token-for-readers"


async def ask(house: House, path: str, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{house.server.url}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def healthz(house: House) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{house.server.url}/healthz") as answer:
        report: dict[str, Any] = await answer.json()
        return answer.status, report


def value(text: str, name: str, **labels: str) -> float:
    """One sample of a Prometheus answer."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    raise AssertionError(f"no {name} {labels}")


async def test_health_in_full(home: Home, venue: Venue, phone: Telegram) -> None:
    """Each source and each sink: state, last frame, last event, reconnects, last error."""
    home.write(label="STAGING")
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
        status, report = await healthz(house)

    assert 200 == status
    assert {
        "status", "label", "now_ms", "started_ms", "rules", "firing", "events", "storage", "sources", "lanes",
    } <= set(report)  # fmt: skip
    assert ("ok", "STAGING", 1, 1) == (report["status"], report["label"], report["rules"], report["firing"])
    assert {"place": str(home.database), "held": None} == report["storage"]
    (source,) = report["sources"]
    assert (FEED, "defillama", "up", None) == tuple(source[key] for key in ("name", "venue", "state", "last_error"))
    assert report["started_ms"] <= source["last_frame_ms"] <= report["now_ms"]
    assert source["last_event_ms"] == source["last_frame_ms"]
    (lane,) = report["lanes"]
    assert ("phone", "up", 1, None) == tuple(lane[key] for key in ("name", "state", "sent", "last_error"))
    assert 0 <= lane["lag_p99_ms"]


async def test_a_dead_feed_is_a_503(home: Home, venue: Venue) -> None:
    """And is well again afterwards."""
    venue.is_down = True
    async with home.living() as house:
        await until(lambda: any(feed.state == "down" for feed in house.feeds.statuses))
        status, report = await healthz(house)
        assert (503, "degraded", "down") == (status, report["status"], report["sources"][0]["state"])
        assert report["sources"][0]["last_error"]
        venue.is_down = False
        await until(lambda: house.feeds.statuses[0].state == "up")
        assert 200 == (await healthz(house))[0]


async def test_a_sink_that_fails_is_a_503_and_one_that_waits_is_not(home: Home, phone: Telegram) -> None:
    """Nothing arrives there: that is no health; a 429 is a pause."""
    async with home.living() as house:
        assert house.dispatch is not None
        lane = house.dispatch.status["phone"]
        phone.moods.append(too_many(60))
        await house.outbox.say("phone", Words("hello"), Severity.WARNING)
        house.dispatch.ring(["phone"])
        await until(lambda: lane.held == 1)
        status, report = await healthz(house)
        assert (200, "held") == (status, report["lanes"][0]["state"])
        assert "429" in report["lanes"][0]["held"]
        home.clock.ahead_ms += 60_000
        house.dispatch.ring(["phone"])
        await became(house.outbox, "phone", "sent")
        phone.always = Reply(503)
        await house.outbox.say("phone", Words("again"), Severity.WARNING)
        house.dispatch.ring(["phone"])
        await until(lambda: lane.failing)
        status, report = await healthz(house)
        assert (503, "failing") == (status, report["lanes"][0]["state"])
        phone.always = None
        await became(house.outbox, "phone", "sent", "sent")
        assert 200 == (await healthz(house))[0]


async def test_all_pages_answer_while_the_database_is_held(home: Home, venue: Venue, impatient: None) -> None:
    """That is when they are needed."""
    async with home.living() as house, locked(home.database):
        venue.prices["USDT"] = 0.97
        await until(lambda: house.recorder.held_reason is not None)
        status, report = await healthz(house)
        assert (503, "degraded") == (status, report["status"])
        assert "is locked by another process" in report["storage"]["held"]
        status, text = await ask(house, "/metrics")
        assert (200, 1.0) == (status, value(text, "tocsin_storage_held"))
        status, text = await ask(house, "/")
        assert 200 == status
        assert "is locked by another process" in text


async def test_metrics_are_prometheus_own_language(home: Home, venue: Venue, phone: Telegram) -> None:
    """Read with its own parser."""
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
        status, text = await ask(house, "/metrics")

    assert 200 == status
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {"tocsin_events", "tocsin_feed_up", "tocsin_outbox", "tocsin_sink_up", "tocsin_waiting_batches"} <= families
    assert 1.0 == value(text, "tocsin_outbox", sink="phone", status="sent")
    assert 1.0 == value(text, "tocsin_feed_up", feed=FEED)
    assert 1.0 <= value(text, "tocsin_transitions_total")


async def test_the_page_escapes_everything(home: Home, venue: Venue, phone: Telegram) -> None:
    """Words of traders, of venues and of chats are text, never markup."""
    evil = "<script>alert(1)</script>"
    home.write(
        label=evil,
        rules=[cheap(message=f"{evil} {{coin}}")],
    )
    phone.always = Reply(403, '{"ok":false,"error_code":403,"description":"<script>alert(2)</script>"}')
    venue.prices = {"<SCRIPT>ALERT(3)": 0.5}
    async with home.living() as house:
        await until(lambda: house.dispatch is not None and house.dispatch.status["phone"].disabled is not None)
        house.feeds.statuses[0].last_error = "<script>alert(4)</script>"
        status, text = await ask(house, "/")

    assert 200 == status
    assert 1 == text.lower().count("<script"), "its own, which says nothing of theirs"
    for number in (1, 2, 4):
        assert f"&lt;script&gt;alert({number})&lt;/script&gt;" in text
    assert "&lt;SCRIPT&gt;ALERT(3)" in text


async def test_without_a_token_configured_nobody_is_asked_for_one(home: Home) -> None:
    """On this machine only: the configuration sees to that."""
    async with home.living() as house:
        assert 200 == (await ask(house, "/"))[0]


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nowhere"])
async def test_with_a_token_nothing_is_shown_without_it(home: Home, path: str) -> None:
    """Not even whether there is such a page."""
    home.write(server={"port": 0, "token": TOKEN})
    wrong = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"},
        {"Authorization": "Bearer \u00e9\u4e2d"},
    ]
    async with home.living() as house:
        for headers in wrong:
            status, text = await ask(house, path, **headers)
            assert 401 == status, headers
            assert TOKEN not in text
        for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"bearer {TOKEN}"}):
            assert (404 if path == "/nowhere" else 200) == (await ask(house, path, **headers))[0]


async def test_a_header_that_is_no_text_is_refused_too(home: Home) -> None:
    """Any bytes may stand there."""
    home.write(server={"port": 0, "token": TOKEN})
    async with home.living() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 401")


async def test_tokens_are_compared_in_constant_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the library's own comparison, for whatever is shown."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def noted(shown: bytes, expected: bytes) -> bool:
        compared.append((shown, expected))
        return real(shown, expected)

    monkeypatch.setattr("hmac.compare_digest", noted)
    home.write(server={"port": 0, "token": TOKEN})
    async with home.living() as house:
        await ask(house, "/healthz", Authorization="Bearer guess")
        await ask(house, "/healthz", Authorization=f"Bearer {TOKEN}")

    assert [(b"guess", TOKEN.encode()), (TOKEN.encode(), TOKEN.encode())] == compared


async def test_an_address_with_colons_has_brackets(home: Home) -> None:
    """So that a person can click it."""
    home.write(server={"port": 0, "host": "::1"})
    async with home.living() as house:
        assert f"http://[::1]:{house.server.port}" == house.server.url
        assert 200 == (await healthz(house))[0]
