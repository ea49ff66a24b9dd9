"""Acting over HTTP: with a key that may, from no other site's page, once, and with an effect."""

import re
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from daemon.house import House
from daemon.server.api import RESOURCES
from daemon.server.api.resource import Told
from rules.alerts import Change
from rules.delivery import Matchers
from tests.chats import Telegram
from tests.daemon.lanes import became
from tests.daemon.server.api.asking import ask, happen, new_key
from tests.daemon.town import Home, Venue, at_phone
from tests.storage.episodes import NOW, Episode

GUARDED = {"host": "0.0.0.0", "port": 0, "tables": False}
HOUR_MS = 3_600_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house where nothing happens by itself."""
    async with Home(tmp_path, None).living() as house:
        yield house


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[House]:
    """One that asks for keys."""
    async with Home(tmp_path, None, server=GUARDED).living() as house:
        yield house


async def test_a_page_that_the_operator_named_may_ask_whether_it_may_send_a_key(tmp_path: Path) -> None:
    """Browsers ask without the key; a page that nobody named is told no."""
    named = GUARDED | {"origins": ["https://desk.example"]}
    async with Home(tmp_path, None, server=named).living() as house, aiohttp.ClientSession() as session:
        for origin, status in (("https://desk.example", 204), ("https://evil.example", 403)):
            url = f"{house.server.url}/api/silences"
            async with session.options(url, headers={"Origin": origin}) as answer:
                allowed = answer.headers.get("Access-Control-Allow-Origin")

                assert (status, origin if status == 204 else None) == (answer.status, allowed)


async def silence(house: House, **body: Any) -> tuple[int, Any]:
    return await ask(house, "/api/silences", "POST", json=body)


# -- who may ------------------------------------------------------------------------------------------------------------


async def test_a_key_for_reading_reads_and_is_told_how_to_get_one_that_acts(guarded: House) -> None:
    """Before anything else about the request is looked at."""
    shown = {"x-api-key": await new_key(guarded, "screen")}
    status, answer = await ask(guarded, "/api/silences", headers=shown)

    assert (200, []) == (status, answer["silences"])
    for method, path in (
        ("POST", "/api/silences"),
        ("DELETE", "/api/silences/nothing"),
        ("POST", "/api/alerts/nothing/ack"),
    ):
        status, answer = await ask(guarded, path, method, headers=shown)
        assert (403, "read_only") == (status, answer["error"]["code"])
        assert "`tocsin keys create NAME --act` makes one that acts" in answer["error"]["message"]


async def test_a_key_that_acts_signs_with_its_name(guarded: House) -> None:
    shown = {"x-api-key": await new_key(guarded, "desk", may_act=True)}
    status, answer = await ask(
        guarded, "/api/silences", "POST", headers=shown, json={"symbol": ["BTC"], "duration": "1h"}
    )

    assert (200, "desk") == (status, answer["silence"]["author"])


@pytest.mark.parametrize(("may_act", "expected"), [(True, 200), (False, 403)])
async def test_a_login_may_do_what_its_key_may(guarded: House, may_act: bool, expected: int) -> None:
    key = await new_key(guarded, "page", may_act=may_act)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{guarded.server.url}/auth/token", headers={"x-api-key": key}) as answer:
            assert 200 == answer.status
        body = {"symbol": ["BTC"], "duration": "1h"}
        async with session.post(f"{guarded.server.url}/api/silences", json=body) as answer:
            assert expected == answer.status


async def test_without_a_key_nobody_acts(guarded: House) -> None:
    status, answer = await ask(guarded, "/api/silences", "POST", json={"symbol": ["BTC"], "duration": "1h"})

    assert (401, "missing") == (status, answer["error"]["code"])
    assert "show a key in x-api-key" in answer["error"]["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("path", ["/api/silences", "/api/alerts/x/ack"])
async def test_what_a_form_of_another_site_can_send_is_refused(house: House, kind: str, path: str) -> None:
    """A browser sends these without asking first."""
    body = b'{"symbol": ["BTC"], "duration": "1h"}'
    status, answer = await ask(house, path, "POST", data=body, headers={"Content-Type": kind})

    assert (415, "wrong_type") == (status, answer["error"]["code"])
    assert [] == await house.silences.listing()


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_pages_of_other_sites_change_nothing(house: House, origin: str) -> None:
    body = {"everything": True, "duration": "1h"}
    status, answer = await ask(house, "/api/silences", "POST", json=body, headers={"Origin": origin})

    assert (403, "foreign_origin") == (status, answer["error"]["code"])
    assert [] == await house.silences.listing()


# -- silences -----------------------------------------------------------------------------------------------------------


async def test_a_silence_from_its_beginning_to_its_end(house: House) -> None:
    _, begun = await silence(house, symbol=["BTC"], severity=["warning"], duration="4h", reason=" too loud ")
    one = begun["silence"]
    _, active = await ask(house, "/api/silences")
    ended, gone = await ask(house, f"/api/silences/{one['id']}", "DELETE")
    _, after = await ask(house, "/api/silences")
    _, everything = await ask(house, "/api/silences?all=true")

    assert ("operator", "too loud", True) == (one["author"], one["reason"], one["is_active"])
    assert "symbol BTC, severity warning" == one["about"]
    assert 4 == round((one["until_ms"] - one["created_at_ms"]) / HOUR_MS, 2)
    assert [one] == active["silences"]
    assert (200, "operator", False) == (ended, gone["silence"]["ended_by"], gone["silence"]["is_active"])
    assert [] == after["silences"]
    assert [gone["silence"]] == everything["silences"]

    status, answer = await ask(house, f"/api/silences/{one['id']}", "DELETE")

    assert (409, "over") == (status, answer["error"]["code"])


_ANYTHING = ["many", -1, 10**30, None, [], [None], {}, {"a": 1}, True, 1.5, "", "x" * 5_000, [["x"]]]


@pytest.mark.parametrize("model", [one.body for one in RESOURCES if isinstance(one.body, type)])
async def test_no_field_is_refused_in_the_words_of_a_library(house: House, model: type[Told]) -> None:
    """Whatever is put where: what was given, and what would be right."""
    path = next(one.path for one in RESOURCES if one.body is model).replace("{id}", "x")
    for name, value in product([*model.model_fields, "other"], _ANYTHING):
        status, answer = await ask(house, path, "POST", json={name: value})
        said = answer.get("error", {}).get("message", "")

        assert status in (200, 400, 404)
        assert re.search("Input should|valid |pydantic|validation", said) is None, (name, value, said)


async def test_a_silence_ends_by_as_much_of_its_id_as_people_are_shown(house: House) -> None:
    """Not if several begin so, unless only one of them still counts."""
    for name in ("22cd6418aa01", "22cd6418bb02"):
        await house.silences.add(
            author="ben", matchers=Matchers(symbols=("BTC",)), until_ms=house.clock() + HOUR_MS, silence_id=name
        )
    several, trouble = await ask(house, "/api/silences/22cd6418", "DELETE")
    whole, _ = await ask(house, "/api/silences/22cd6418bb02", "DELETE")
    left, ended = await ask(house, "/api/silences/22cd6418", "DELETE")
    over, _ = await ask(house, "/api/silences/22cd6418aa01", "DELETE")

    assert (409, 200, 200, 409) == (several, whole, left, over)
    assert "several ids begin so; write more of it" in str(trouble)
    assert "22cd6418aa01" == ended["silence"]["id"]


async def test_the_first_letters_of_an_id_end_nothing(house: House) -> None:
    _, begun = await silence(house, symbol=["BTC"], duration="4h")
    for name in (begun["silence"]["id"][:4], "nothing", "%25"):
        status, _ = await ask(house, f"/api/silences/{name}", "DELETE")
        assert 404 == status


@pytest.mark.parametrize(
    ("body", "parameter", "part"),
    [
        ({"duration": "1h"}, "everything", "this would silence everything"),
        ({"symbol": ["BTC"]}, "duration", "say how long"),
        ({"symbol": ["BTC"], "duration": "1 fortnight"}, "duration", "is not a duration; write 30s"),
        ({"symbol": ["BTC"], "duration": "0s"}, "duration", "longer than nothing"),
        ({"symbol": ["BTC"], "until_ms": 1}, "until_ms", "has passed"),
        ({"symbol": ["BTC"], "duration": "1h", "until_ms": 1}, "until_ms", "give one"),
        ({"symbols": ["BTC"], "duration": "1h"}, "symbols", "is not a field here; known: alert, duration"),
        ({"symbol": "BTC", "duration": "1h"}, "symbol", "symbol: 'BTC' cannot stand here; write a list: [\"BTC\"]"),
        ({"rule": ["chep"], "duration": "1h"}, "rule", "there is no rule 'chep'; did you mean cheap?"),
        ({"kind": ["fundin"], "duration": "1h"}, "kind", "there is no kind of rule 'fundin'; did you mean funding?"),
        (
            {"symbol": ["BTCUSDT"], "duration": "1h"},
            "symbol",
            "is not how it is spelled here; write BTC, or BTC-USDT-PERP",
        ),
        ({"symbol": ["FOO"], "duration": "1h"}, "symbol", "no rule or venue speaks of 'FOO'"),
        ({"venue": ["okxx"], "duration": "1h"}, "venue", "there is no venue 'okxx'; did you mean okx?"),
        ({"labels": {"team": "dsk"}, "duration": "1h"}, "labels", "no rule has the label team: dsk"),
        ({"severity": ["loud"], "duration": "1h"}, "severity.0", "severity.0: 'loud' is not one we know; known:"),
        ({"rule": [7], "duration": "1h"}, "rule.0", 'rule.0: 7 cannot stand here; put it in quotes: "7"'),
        ({"labels": ["team"], "duration": "1h"}, "labels", 'a list cannot stand here; write {"name": "value"}'),
        ({"until_ms": 1.5}, "until_ms", "until_ms: 1.5 cannot stand here; write a whole number"),
        ({"everything": "maybe"}, "everything", "'maybe' cannot stand here; write true or false"),
        ({"alert": "https://hooks.example/T0/secret" * 9}, "alert", "'https://...' is too long; at most 200"),
        ({"alert": "x", "symbol": ["BTC"]}, "alert", "leave the others out"),
        ({"everything": True, "symbol": ["BTC"], "duration": "1h"}, "everything", "or the others"),
    ],
)
async def test_a_wrong_silence_is_refused_in_words(
    house: House, body: dict[str, Any], parameter: str, part: str
) -> None:
    status, answer = await silence(house, **body)

    assert (400, parameter) == (status, answer["error"]["parameter"])
    assert part in answer["error"]["message"]
    assert [] == await house.silences.listing()


@pytest.mark.parametrize("wrong", [b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900])
async def test_a_deep_body_is_refused_in_words(house: House, wrong: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'{"everything": ' + wrong + b"}"
    status, answer = await ask(house, "/api/silences", "POST", data=body, headers=headers)

    assert (400, "everything") == (status, answer["error"]["parameter"])


async def test_a_coin_that_was_not_heard_of_is_silenced_with_a_doubt(house: House) -> None:
    """What has happened to it is heard of, at whichever venue."""
    await happen(house, Episode("FOO-USDT-PERP"), Change.FIRED)
    answers = [await silence(house, symbol=[name], duration="1h") for name in ("SOL", "FOO", "foo-usdt-perp")]

    assert [(200, ["SOL was not heard of lately"]), (200, []), (200, [])] == [
        (status, answer["doubts"]) for status, answer in answers
    ]


async def test_a_silence_keeps_the_next_alert_back_and_its_row_says_why(tmp_path: Path) -> None:
    """What still fires when it ends is told once."""
    async with Venue(USDT=1.0) as venue, Telegram() as phone:
        home = Home(tmp_path, venue, sinks={"phone": at_phone(phone)})
        async with home.living() as house:
            _, begun = await silence(house, rule=["cheap"], duration="1h", reason="known")
            await house.ear.look()
            venue.prices["USDT"] = 0.97
            await became(house.outbox, "phone", "suppressed")
            _, outbox = await ask(house, "/api/outbox?status=suppressed")

            assert "silenced by operator until" in outbox["messages"][0]["reason"]
            assert outbox["messages"][0]["reason"].endswith(": known")

            await ask(house, f"/api/silences/{begun['silence']['id']}", "DELETE")
            await phone.wait_for(lambda chat: len(chat.shown) == 1)


# -- acknowledgements ---------------------------------------------------------------------------------------------------


async def test_an_alert_is_acknowledged_once_whoever_comes_later(guarded: House) -> None:
    desk = {"x-api-key": await new_key(guarded, "desk", may_act=True)}
    bot = {"x-api-key": await new_key(guarded, "bot", may_act=True)}
    episode = Episode(started_ms=NOW)
    await happen(guarded, episode, Change.FIRED)
    path = f"/api/alerts/{episode.episode_id}"
    _, before = await ask(guarded, path, headers=desk)
    status, first = await ask(guarded, f"{path}/ack", "POST", headers=desk, json={})
    again, second = await ask(guarded, f"{path}/ack", "POST", headers=bot, json={})
    _, listed = await ask(guarded, "/api/alerts", headers=desk)

    assert before["alert"]["acknowledged"] is None
    assert (200, True, "desk") == (status, first["is_new"], first["alert"]["acknowledged"]["who"])
    assert (200, False) == (again, second["is_new"])
    assert [first["alert"]["acknowledged"]] == [one["acknowledged"] for one in listed["alerts"]]
    assert first["alert"]["acknowledged"] == second["alert"]["acknowledged"]


async def test_what_got_worse_can_be_seen_anew(tmp_path: Path) -> None:
    home = Home(tmp_path, None)
    async with home.living() as house:
        episode = Episode(started_ms=house.clock())
        await happen(house, episode, Change.FIRED)
        path = f"/api/alerts/{episode.episode_id}/ack"
        _, first = await ask(house, path, "POST", json={})
        home.clock.ahead_ms += HOUR_MS
        episode.started_ms = house.clock()  # what follows comes now
        await happen(house, episode, Change.ESCALATED)
        home.clock.ahead_ms += HOUR_MS
        answers = [(await ask(house, path, "POST", json={}))[1] for _ in range(2)]

    assert [True, True, False] == [answer["is_new"] for answer in (first, *answers)]


async def test_what_is_over_is_not_acknowledged_but_stays_so_if_it_was(house: House) -> None:
    seen, unseen = Episode(started_ms=NOW), Episode("ETH-USDT-PERP", started_ms=NOW)
    await happen(house, seen, Change.FIRED)
    _, first = await ask(house, f"/api/alerts/{seen.episode_id}/ack", "POST", json={})
    await happen(house, seen, Change.CLEARED)
    await happen(house, unseen, Change.FIRED, Change.CLEARED)
    status, later = await ask(house, f"/api/alerts/{seen.episode_id}/ack", "POST", json={})
    refused, answer = await ask(house, f"/api/alerts/{unseen.episode_id}/ack", "POST", json={})

    assert (200, False) == (status, later["is_new"])
    assert first["alert"]["acknowledged"] == later["alert"]["acknowledged"]
    assert (409, "over") == (refused, answer["error"]["code"])


async def test_private_alerts_are_there_for_nobody(house: House) -> None:
    """Neither to be acknowledged, nor to be silenced, nor in the silences that their owner has begun elsewhere."""
    mine = Episode(started_ms=NOW)
    mine.key = {**mine.key, "account": "main"}
    await happen(house, mine, Change.FIRED)
    acknowledged, _ = await ask(house, f"/api/alerts/{mine.episode_id}/ack", "POST", json={})
    silenced, _ = await silence(house, alert=mine.episode_id)
    own = await house.silences.add(author="anna (Telegram)", episode_id=mine.episode_id)
    _, listed = await ask(house, "/api/silences")
    ended, _ = await ask(house, f"/api/silences/{own.silence_id}", "DELETE")

    assert (404, 404, 404) == (acknowledged, silenced, ended)
    assert [] == listed["silences"]
    assert await house.silences.acknowledgement(mine.episode_id) is None


async def test_a_rule_about_an_account_is_there_for_nobody(tmp_path: Path) -> None:
    """What its owner has snoozed in a chat names the rule and the symbol: neither is shown, ended or guessed."""
    own = {"id": "my-balance", "type": "account", "coin": "USDT", "below": 500, "notify": "phone"}
    async with Telegram() as phone:
        home = Home(tmp_path, None, sinks={"phone": at_phone(phone)}, rules=[own])
        async with home.living() as house:
            meant = Matchers(rules=("my-balance",), symbols=("USDT",))
            snoozed = await house.silences.add(author="anna (Telegram)", matchers=meant, until_ms=2**50)
            _, listed = await ask(house, "/api/silences?all=true")
            ended, _ = await ask(house, f"/api/silences/{snoozed.silence_id}", "DELETE")
            refused, answer = await silence(house, rule=["my-balanc"], duration="1h")
            guessed, _ = await silence(house, rule=["my-balance"], duration="1h")

    assert ([], 404, 400, 400) == (listed["silences"], ended, refused, guessed)
    assert "my-balance" not in answer["error"]["message"]


async def test_one_alert_is_silenced_until_it_clears(house: House) -> None:
    episode = Episode(started_ms=NOW)
    await happen(house, episode, Change.FIRED)
    status, answer = await silence(house, alert=episode.episode_id)

    assert (200, None, episode.episode_id) == (status, answer["silence"]["until_ms"], answer["silence"]["alert"])
