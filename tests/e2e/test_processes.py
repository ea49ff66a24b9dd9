"""Tocsin as people run it: real processes, told by the command line, watched from outside."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from daemon.clock import wall_ms
from daemon.simulator.box import Box
from tests.e2e.living import Chats, addresses, written
from tests.e2e.market import closed, quiet, rate
from tests.e2e.process import Running, answer, tocsin

WHALE: dict[str, object] = {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"}
FUNDING: dict[str, object] = {"id": "hot-funding", "type": "funding", "symbols": ["BTC"], "above": "0.05%"}
EXAMPLE = Path(__file__).resolve().parents[2] / "rules.example.yaml"


def configured(files: list[Path]) -> list[str]:
    return [word for file in files for word in ("-c", str(file))]


def ended_well(daemon: Running) -> None:
    """It said goodbye, and its log holds no trace of a bug."""
    assert daemon.out.endswith(
        "tocsin stopped: what was decided is written down, what was not sent yet is sent at the next start\n"
    )
    assert "Traceback" not in daemon.err
    assert {"info", "warning"} >= {json.loads(line)["level"] for line in daemon.err.splitlines()}


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def closed_port() -> int:
    """Nobody listens there any more."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        return int(gone.getsockname()[1])


async def test_run_tells_every_chat_and_stops_when_asked(tmp_path: Path) -> None:
    """Two files, as a trader and an operator keep them; SIGTERM is a quiet goodbye."""
    async with Box(quiet()) as box, Chats() as chats:
        files = written(tmp_path, rules=[WHALE], sources=addresses(box, "okx"), sinks=chats.sinks())
        async with tocsin("run", *configured(files)) as daemon:
            await daemon.url()
            await box.subscriptions("okx").until("liquidation-orders:SWAP")
            await box.say("okx", [closed("okx", 25.0, at_ms=wall_ms())])
            await chats.requests(1)

            assert 0 == await daemon.stops()

    text = (
        r"WARNING  okx BTC-USDT-PERP: long liquidated, \$2m at 80,000\.00 mark price\n"
        r"quantity 25 BTC\n"
        r"rule whale · \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
    )
    for chat in chats.all.values():
        assert 1 == len(chat.texts)
        assert re.fullmatch(text, chat.texts[0])
    ended_well(daemon)
    for line in (f"rules     {files[0]}, {files[1]}", f"database  {tmp_path / 'tocsin.db'}"):
        assert line in daemon.out


async def test_saving_the_file_changes_what_fires(tmp_path: Path) -> None:
    """A right file replaces the rules between two events; a wrong one changes nothing and is said once."""
    async with Box(quiet()) as box, Chats() as chats:
        sinks = {"json": chats.sinks()["json"]}
        files = written(tmp_path, rules=[WHALE], sources=addresses(box, "binance"), sinks=sinks)

        def save(*rules: dict[str, object]) -> None:
            fresh = tmp_path / "fresh"
            fresh.write_text(yaml.safe_dump({"rules": list(rules)}))
            fresh.replace(files[0])  # as editors save

        async def order(quantity: float) -> None:
            await box.say("binance", [closed("binance", quantity, at_ms=wall_ms())])

        async with tocsin("run", *configured(files)) as daemon:
            await daemon.url()
            await box.subscriptions("binance").until("!forceOrder@arr")
            await order(20)
            await chats.json.wait_for(lambda chat: len(chat.texts) == 1)

            save(WHALE | {"at_least": "$3m"})
            await daemon.said(r"~ rule whale: at_least: \$1m -> \$3m")
            await order(21)
            await order(40)
            await chats.json.wait_for(lambda chat: len(chat.texts) == 2)

            save(WHALE | {"at_least": "a lot"})
            await daemon.said(r"rules\.yaml:\d+:\d+: rules\.0\.at_least: .*a lot")
            await order(22)
            await order(41)
            await chats.json.wait_for(lambda chat: len(chat.texts) == 3)

            save(WHALE, FUNDING)
            await daemon.said(r"\+ rule hot-funding")
            await box.subscriptions("binance").until("btcusdt@markPrice@1s")
            await box.say("binance", [rate("binance", 0.0008, at_ms=wall_ms())])
            await order(23)
            await chats.json.wait_for(lambda chat: len(chat.texts) == 5)

            assert 0 == await daemon.stops()

    quantities = [re.search(r"^quantity (\S+) BTC$", text, re.MULTILINE) for text in chats.json.texts]
    assert ["20", "40", "41", None, "23"] == [found and found[1] for found in quantities]
    assert chats.json.texts[3].startswith(
        "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.08% per 8 h (limit 0.05%)"
    )
    assert 1 == daemon.out.count("the files were saved with mistakes; what ran goes on running")
    ended_well(daemon)


async def test_the_demo_shows_one_alert_of_each_kind() -> None:
    """Everything it says of the market is marked, and it says where everything is."""
    async with tocsin("demo", "--speed", "2", "--port", "0", is_forked=False) as demo:
        for rule in ("hot-funding", "usd-depeg", "whale-liquidation"):
            await demo.said(rf"^    rule {rule} · ")
        assert 0 == await demo.stops()

    headlines = [line for line in demo.out.splitlines() if re.search(r"  (INFO|WARNING|CRITICAL|CLEARED)  ", line)]
    assert headlines
    assert all(line.startswith("SIMULATED  ") for line in headlines)
    for pattern in (r"^  page +http://127\.0\.0\.1:\d+$", r"^  rules +\S+rules\.yaml", r"^  database +\S+\.db$"):
        assert re.search(pattern, demo.out, re.MULTILINE)
    assert "Traceback" not in demo.err


async def test_the_demo_ends_by_itself() -> None:
    """After as long as it was told to last."""
    code, _, complaints = await answer("demo", "--seconds", "1", "--port", "0")

    assert (0, False) == (code, "Traceback" in complaints)


async def test_check_answers_with_its_exit_code(tmp_path: Path) -> None:
    """0: what the rules say; 2: every mistake with its place."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "rules:\n  - {id: a, type: fundng, symbols: [BTC], above: 0.05%}\n"
        "  - {id: b, type: liquidation, at_least: 1 apple}\nsinkz: {}\n"
    )

    right_code, right, _ = await answer("check", EXAMPLE)
    wrong_code, mistakes, _ = await answer("check", wrong)

    assert (0, 2) == (right_code, wrong_code)
    assert "rules.example.yaml: right. 13 rules, told to console, 14 tests passed\n" in right
    places = [line.removeprefix(f"{wrong}:").split(": ")[:2] for line in mistakes.splitlines()]
    assert [["2:19", "rules.0.type"], ["3:42", "rules.1.at_least"], ["4:1", "sinkz"]] == sorted(places)


async def test_without_a_network_it_says_so_once_a_feed_and_keeps_trying(tmp_path: Path) -> None:
    """Every far end is a closed port."""
    ws_url, rest_url = f"ws://127.0.0.1:{closed_port()}/ws", f"http://127.0.0.1:{closed_port()}"
    sources: dict[str, dict[str, str]] = {name: {"ws_url": ws_url, "rest_url": rest_url} for name in ("binance", "okx")}
    sources["defillama"] = {"rest_url": rest_url}
    rules = [FUNDING, {"id": "peg", "type": "depeg", "coins": ["USDC"]}]
    files = written(tmp_path, rules=rules, sources=sources, sinks={"console": {"url": "console://"}})

    async with tocsin("run", *configured(files)) as daemon:
        url = await daemon.url()
        for feed in ("binance.market", "okx.market", "defillama.stablecoins"):
            await daemon.said(f'"service": "{feed}"', where="err")
        code, shown, _ = await answer("status", "--url", url)
        assert 0 == await daemon.stops()

    assert (1, True) == (code, shown.startswith("degraded: "))
    stumbled = [json.loads(line) for line in daemon.err.splitlines() if "stumbled" in line]
    services = [entry["service"] for entry in stumbled]
    assert len(services) == len(set(services))
    assert all("Connect call failed" in entry["error"] or "refused" in entry["error"] for entry in stumbled)
    ended_well(daemon)


async def test_status_outbox_and_events_look_at_the_running_daemon(tmp_path: Path) -> None:
    """From beside it, while it runs, on the same file."""
    async with Box(quiet()) as box, Chats() as chats:
        sinks = {"json": chats.sinks()["json"]}
        files = written(tmp_path, rules=[WHALE], sources=addresses(box, "okx"), sinks=sinks)
        async with tocsin("run", *configured(files)) as daemon:
            url = await daemon.url()
            await box.subscriptions("okx").until("liquidation-orders:SWAP")
            await box.say("okx", [closed("okx", 25.0), closed("okx", 1.0)])
            await chats.json.wait_for(lambda chat: len(chat.texts) == 1)

            status_code, status, _ = await answer("status", "--url", url, "--json")
            outbox_code, outbox, _ = await answer("outbox", *configured(files), "--all")
            events_code, events, _ = await answer(
                "events", *configured(files), "--type", "liquidation", "--limit", "9", "--json"
            )
            assert 0 == await daemon.stops()
            gone_code, _, gone = await answer("status", "--url", url)

    assert (0, 0, 0) == (status_code, outbox_code, events_code)
    health = json.loads(status)
    assert "okx.market" in [source["name"] for source in health["sources"]]
    assert ("ok", 1, ["json"]) == (
        health["status"],
        health["rules"],
        [lane["name"] for lane in health["lanes"]],
    )
    assert re.search(r"^ ?json +well +1", outbox, re.MULTILINE)
    assert re.search(r"json +(sent|sending) +warning +whale fired okx BTC-USDT-PERP long", outbox)
    facts = [json.loads(line) for line in events.splitlines()]
    assert [("okx", "long", 25.0), ("okx", "long", 1.0)] == [
        (fact["venue"], fact["side"], fact["quantity"]) for fact in facts
    ]
    assert (1, f"tocsin: no daemon answers at {url} ") == (gone_code, gone.partition("(")[0])


async def test_a_second_daemon_on_the_same_database_is_refused(tmp_path: Path) -> None:
    """It names the first, which goes on undisturbed."""
    files = written(tmp_path, rules=[WHALE], sources={})
    async with tocsin("run", *configured(files)) as first:
        url = await first.url()
        code, out, err = await answer("run", *configured(files))
        assert 0 == (await answer("status", "--url", url))[0]
        assert 0 == await first.stops()

    assert (1, "") == (code, out)
    assert (
        f"tocsin: another Tocsin (process {first.pid}) works with {tmp_path / 'tocsin.db'};"
        " stop it first, or name another storage.url\n"
    ) == err


async def test_a_port_that_is_taken_is_refused(tmp_path: Path, taken_port: int) -> None:
    """With what to do about it."""
    files = written(tmp_path, rules=[WHALE], sources={}, server={"port": taken_port})

    assert (
        1,
        "",
        f"tocsin: 127.0.0.1:{taken_port} is in use, perhaps by another Tocsin;"
        " set server.port to a free one, or to 0 for any\n",
    ) == await answer("run", *configured(files))
