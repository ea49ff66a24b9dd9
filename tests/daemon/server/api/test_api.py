"""The HTTP API over real sockets: it says what its document says, refuses in words, and answers no stranger's page."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from jsonschema import ValidationError as JsonError

from daemon.house import House
from daemon.server.api import RESOURCES
from daemon.server.api.openapi import PATH, document
from rules.alerts import Change
from tests.chats import Telegram
from tests.daemon.lanes import became
from tests.daemon.server.api.asking import ask, happen
from tests.daemon.town import Home, Venue, at_phone, cheap
from tests.storage.episodes import NOW, Episode


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house in which USDT is below its peg and has been told of."""
    async with Venue(USDT=0.97) as venue, Telegram() as phone:
        rules = [cheap(labels={"team": "desk"})]
        home = Home(tmp_path, venue, sinks={"phone": at_phone(phone)}, rules=rules)
        async with home.living() as house:
            await phone.wait_for(lambda chat: len(chat.shown) == 1)
            await became(house.outbox, "phone", "sent")
            yield house


def schema_of(described: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    answer = described["paths"][path][method.lower()]["responses"][str(status)]
    return {**answer["content"]["application/json"]["schema"], "components": described["components"]}


def body_of(described: dict[str, Any], path: str) -> dict[str, Any]:
    asked = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {**asked, "components": described["components"]}


async def test_every_answer_is_what_the_document_says(house: House) -> None:
    _, described = await ask(house, PATH)
    _, alerts = await ask(house, "/api/alerts")
    paths = {
        "/api/alerts": "/api/alerts",
        "/api/alerts/{id}": f"/api/alerts/{alerts['alerts'][0]['id']}",
        "/api/events": "/api/events?type=stablecoin_quote",
        "/api/rules": "/api/rules",
        "/api/silences": "/api/silences?all=true",
        "/api/outbox": "/api/outbox",
    }
    for template, path in paths.items():
        status, body = await ask(house, path)
        Draft202012Validator(schema_of(described, template, "GET", status)).validate(body)
        assert 200 == status, path

    alert = f"/api/alerts/{alerts['alerts'][0]['id']}"
    quiet = {"rule": ["cheap"], "severity": ["info"], "labels": {"team": "desk"}, "duration": "1h"}
    begun = await ask(house, "/api/silences", "POST", json=quiet)
    silence = f"/api/silences/{begun[1]['silence']['id']}"
    acts = [
        ("/api/silences", "POST", begun),
        ("/api/silences", "GET", await ask(house, "/api/silences")),
        ("/api/silences", "POST", await ask(house, "/api/silences", "POST", json={})),
        ("/api/silences", "POST", await ask(house, "/api/silences", "POST", data=b"x")),
        ("/api/silences/{id}", "DELETE", await ask(house, silence, "DELETE")),
        ("/api/silences/{id}", "DELETE", await ask(house, silence, "DELETE")),
        ("/api/alerts/{id}/ack", "POST", await ask(house, f"{alert}/ack", "POST", json={})),
        ("/api/alerts/{id}/ack", "POST", await ask(house, "/api/alerts/nothing/ack", "POST", json={})),
        ("/api/alerts/{id}", "GET", await ask(house, alert)),  # acknowledged by now
    ]
    for template, method, (status, body) in acts:
        Draft202012Validator(schema_of(described, template, method, status)).validate(body)
    assert [200, 200, 400, 415, 200, 409, 200, 404, 200] == [status for _, _, (status, _) in acts]

    Draft202012Validator(body_of(described, "/api/silences")).validate(quiet)
    with pytest.raises(JsonError):
        Draft202012Validator(body_of(described, "/api/silences")).validate({"symbols": ["BTC"]})

    wrong, refusal = await ask(house, "/api/alerts?limit=0")
    Draft202012Validator(schema_of(described, "/api/alerts", "GET", wrong)).validate(refusal)
    assert 400 == wrong


async def test_the_document_lists_exactly_what_is_served(house: House) -> None:
    _, described = await ask(house, PATH)
    listed = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}

    assert {(resource.method, resource.path) for resource in RESOURCES} == listed
    for method, path in listed:
        status, body = await ask(house, re.sub(r"\{\w+\}", "nothing", path), method, data=b"")
        assert status != 405, path
        assert "error" in body or status == 200, path


def test_every_operation_and_parameter_is_explained() -> None:
    described = document(RESOURCES, "1")
    operations = [one for methods in described["paths"].values() for one in methods.values()]

    assert len(operations) == len({one["operationId"] for one in operations})
    for one in operations:
        assert one["summary"]
        for parameter in one["parameters"]:
            assert parameter["in"] == "path" or parameter["description"], (one["operationId"], parameter["name"])


def test_the_page_names_every_request_and_its_curls_ask_what_is_there() -> None:
    page = (Path(__file__).parents[4] / "docs/http-api.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(\w+) (/api/\S+)` \| (\w+) \|", page, re.MULTILINE))
    patterns = [re.sub(r"\{\w+\}", r"[$\\w]+", resource.path) for resource in RESOURCES]
    asked = re.findall(r"^ +curl .*?\w(/api/[^\s?']+)", page, re.MULTILINE)

    assert {(one.method, one.path, one.scope.value) for one in RESOURCES} == told
    assert len(asked) >= 5
    assert [] == [path for path in asked if not any(re.fullmatch(pattern, path) for pattern in patterns)]


async def test_an_alert_is_told_with_its_history(house: House) -> None:
    _, answer = await ask(house, "/api/alerts?firing=true")
    alert = answer["alerts"][0]
    _, one = await ask(house, f"/api/alerts/{alert['id']}")

    assert ("cheap", {"coin": "USDT"}, True) == (alert["rule"], alert["key"], alert["is_firing"])
    assert ["fired"] == [change["change"] for change in one["changes"]]
    assert [None] == [change["muted"] for change in one["changes"]]
    assert {"alerts": []} == (await ask(house, "/api/alerts?firing=false"))[1]
    assert {"alerts": []} == (await ask(house, "/api/alerts?min_severity=critical"))[1]


@pytest.mark.parametrize(
    ("path", "parameter", "part"),
    [
        ("/api/alerts?rule=chep", "rule", "there is no rule 'chep'; did you mean cheap?"),
        ("/api/alerts?kind=expresion", "kind", "did you mean expression?"),
        ("/api/alerts?firing=perhaps", "firing", "firing: 'perhaps' cannot stand here; write true or false"),
        ("/api/events?type=stablecoin", "type", "there is no event type 'stablecoin'; did you mean stablecoin_quote?"),
        ("/api/events?type=stablecoin_quote&symbol=USDTT", "symbol", "did you mean USDT?"),
        ("/api/events?type=stablecoin_quote&venue=defilama", "venue", "did you mean defillama?"),
        (
            "/api/outbox?status=lost",
            "status",
            "known: dead, expired, merged, sending, sent, suppressed, uncertain, waiting",
        ),
        ("/api/silences?al=true", "al", "known: all, limit"),
    ],
)
async def test_a_filter_that_nothing_passes_is_refused(house: House, path: str, parameter: str, part: str) -> None:
    """An empty answer would be believed, and asked for again and again."""
    status, answer = await ask(house, path)

    assert (400, parameter) == (status, answer["error"]["parameter"])
    assert part in answer["error"]["message"]


async def test_a_filter_that_nothing_has_passed_yet_is_answered_with_nothing(house: House) -> None:
    """A rule of the file, a coin that everybody knows, and however it is typed."""
    answers = [
        await ask(house, path)
        for path in (
            "/api/alerts?rule=cheap&firing=false",
            "/api/alerts?kind=funding",
            "/api/events?type=funding_rate&symbol=btc&venue=OKX",
        )
    ]

    assert [(200, {"alerts": []}), (200, {"alerts": []}), (200, {"events": []})] == answers
    for found in ("symbol=usdt", "venue=DefiLlama"):
        _, answer = await ask(house, f"/api/events?type=stablecoin_quote&{found}")
        assert answer["events"], found


async def test_a_rule_that_has_left_the_file_is_known_by_its_alerts(house: House) -> None:
    await happen(house, Episode(started_ms=NOW), Change.FIRED)
    status, answer = await ask(house, "/api/alerts?rule=hot-funding&firing=false")

    assert (200, {"alerts": []}) == (status, answer)


async def test_what_is_not_there_is_answered_as_every_refusal(house: House) -> None:
    """Also what is asked with the wrong method; elsewhere a 404 is a page for people."""
    _, described = await ask(house, PATH)
    for method, path, expected, part in (
        ("GET", "/api/alrts", (404, "not_found"), "there is nothing at /api/alrts; /api/openapi.json lists"),
        ("GET", "/api/alerts/", (404, "not_found"), "there is nothing at /api/alerts/"),
        ("PUT", "/api/silences", (405, "wrong_method"), "/api/silences is asked with GET or POST, not with PUT"),
        ("POST", "/api/alerts", (405, "wrong_method"), "/api/alerts is asked with GET, not with POST"),
    ):
        status, answer = await ask(house, path, method, json={})

        assert (*expected, True) == (status, answer["error"]["code"], part in answer["error"]["message"])
        Draft202012Validator(schema_of(described, "/api/alerts", "GET", status)).validate(answer)
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{house.server.url}/api/silences") as refused:
            assert "GET, POST" == refused.headers["Allow"]
        async with session.get(f"{house.server.url}/nothing") as page:
            assert (404, "text/plain") == (page.status, page.content_type)


async def test_events_are_read_on_from_an_id(house: House) -> None:
    _, first = await ask(house, "/api/events?type=stablecoin_quote&symbol=USDT&limit=1")
    newest = first["events"][0]
    _, after = await ask(house, f"/api/events?type=stablecoin_quote&after_id={newest['id'] - 1}&limit=1")

    assert [newest] == after["events"]
    assert 0.97 == newest["event"]["price"]


async def test_rules_are_told_in_words_and_counted(house: House) -> None:
    _, answer = await ask(house, "/api/rules")

    assert [("cheap", "expression", 1)] == [(rule["id"], rule["kind"], rule["firing"]) for rule in answer["rules"]]
    assert "on every stablecoin_quote by coin: when price < 0.99 (warning)" in answer["rules"][0]["sentence"]


async def test_messages_are_told_without_any_address(house: House) -> None:
    _, answer = await ask(house, "/api/outbox?status=sent")
    message = answer["messages"][0]

    assert ("phone", "sent", "fired", "cheap") == tuple(message[name] for name in ("sink", "status", "change", "rule"))
    assert "tgram" not in str(answer)


async def test_a_file_is_checked_with_every_mistake_in_its_place(house: House) -> None:
    text = "rules:\n  - {id: a, type: fundin}\n  - {id: b, type: funding, symbols: BTC, above: 5, notify: nobody}\n"
    status, answer = await ask(house, "/api/rules/check", "POST", data=text.encode())

    assert (200, False) == (status, answer["is_right"])
    rights = {(one["line"], one["column"]): one["right"] for one in answer["mistakes"]}
    assert [(2, 5), (2, 19), (3, 49), (3, 60)] == sorted(
        rights
    )  # what else a funding rule needs is said at its beginning
    assert "did you mean funding?" == rights[2, 19]


async def test_a_right_file_is_said_back_in_words(house: House) -> None:
    text = b"rules:\n  - {id: b, type: funding, symbols: BTC, above: 0.05%, notify: phone}\n"
    _, answer = await ask(house, "/api/rules/check", "POST", data=text)

    assert answer["is_right"]
    assert ["b: when the predicted funding of BTC is above 0.05% (warning) per 8 h, tells phone"] == answer["sentences"]


async def test_a_whole_file_may_bring_its_own_sinks(house: House) -> None:
    """A rule that tells one of them, which does not run here, is right."""
    text = (
        b"rules:\n  - {id: b, type: funding, symbols: BTC, above: 0.05%, notify: mine}\n"
        b"sinks:\n  mine: {type: slack, webhook: x}\n"
    )
    status, answer = await ask(house, "/api/rules/check", "POST", data=text)

    assert (200, True, []) == (status, answer["is_right"], answer["mistakes"])
    assert ["sinks"] == [one["path"] for one in answer["warnings"]]


async def test_what_is_right_and_probably_not_meant_is_warned_of(house: House) -> None:
    """As `tocsin check` does, with its place."""
    text = (
        b"rules:\n  - {id: a, type: basis, symbols: BTC, above: 1%, venues: krakn}\n"
        b"  - {id: b, type: fear_greed, severity: critical, levels: {warning: 20}}\n"
    )
    _, answer = await ask(house, "/api/rules/check", "POST", data=text)

    assert (True, []) == (answer["is_right"], answer["mistakes"])
    assert [(2, "rules.0.venues"), (3, "rules.1.severity")] == [
        (one["line"], one["path"]) for one in answer["warnings"]
    ]
    assert "no source here speaks of 'krakn'" == answer["warnings"][0]["what"]


async def test_no_secret_and_no_file_is_read_for_a_stranger(house: House, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    text = f"sinks:\n  x: {{url: 'file:{tmp_path}/secret'}}\nrules: []\n"
    _, answer = await ask(house, "/api/rules/check", "POST", data=text.encode())

    assert (True, ["is not checked here"]) == (answer["is_right"], [one["what"] for one in answer["warnings"]])


async def test_rules_beside_their_tests_are_checked(house: House) -> None:
    """A recipe of the cookbook as it stands: what is not looked at is said, and hides nothing."""
    text = "rules:\n  - {id: a, type: fear_greed, below: 200}\ntests:\n  - {name: x}\n"
    _, wrong = await ask(house, "/api/rules/check", "POST", data=text.encode())
    _, right = await ask(house, "/api/rules/check", "POST", data=text.replace("200", "20").encode())

    assert ["rules.0.below"] == [one["path"] for one in wrong["mistakes"]]
    assert (True, [(3, "tests")]) == (right["is_right"], [(one["line"], one["path"]) for one in right["warnings"]])


async def test_what_is_no_yaml_is_that_and_nothing_else(house: House) -> None:
    _, answer = await ask(house, "/api/rules/check", "POST", data=b"rules:\n\t- {id: a}\n")

    assert [2] == [one["line"] for one in answer["mistakes"]]


@pytest.mark.parametrize(
    ("path", "parameter", "part"),
    [
        ("/api/alerts?rul=x", "rul", "not a parameter here; known: firing, kind, limit"),
        ("/api/alerts?limit=many", "limit", "limit: 'many' cannot stand here; write a whole number"),
        ("/api/alerts?limit=0", "limit", "limit: '0' is out of range; write at least 1"),
        ("/api/alerts?since_ms=" + "9" * 5_000, "since_ms", "write a whole number that is not so large"),
        ("/api/alerts?limit=1&limit=2", "limit", "given twice"),
        ("/api/alerts?min_severity=loud", "min_severity", "'loud' is not one we know; known: critical, info, warning"),
        ("/api/events", "type", "is missing"),
        ("/api/events?type=tea", "type", "there is no event type 'tea'"),
        ("/api/outbox?status=lost", "status", "'lost' is not one we know"),
    ],
)
async def test_a_wrong_parameter_is_named(house: House, path: str, parameter: str, part: str) -> None:
    status, answer = await ask(house, path)

    assert (400, parameter) == (status, answer["error"]["parameter"])
    assert part in answer["error"]["message"]


async def test_what_is_not_there_says_where_to_look(house: House) -> None:
    status, answer = await ask(house, "/api/alerts/nothing")

    assert (404, "not_found") == (status, answer["error"]["code"])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "https://evil.example"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        ({"Host": "evil.example:8000"}, "foreign_host"),
        ({"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}, "foreign_host"),
    ],
)
async def test_pages_of_other_sites_are_not_answered(house: House, headers: dict[str, str], code: str) -> None:
    """Also those that gave their own name our address."""
    status, answer = await ask(house, "/api/alerts", headers=headers)

    assert (403, code) == (status, answer["error"]["code"])


async def test_a_page_of_our_own_is_answered(house: House) -> None:
    status, _ = await ask(house, "/api/alerts", headers={"Origin": house.server.url})

    assert 200 == status
