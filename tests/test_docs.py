"""What the documents say is true: files load, commands exist, links lead somewhere, and walk-throughs run."""

import ast
import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from aiohttp import web

from daemon.cli import tocsin
from daemon.config.load import load
from daemon.config.model import ServerConfig
from daemon.config.yaml import read
from daemon.server.client import converse
from daemon.server.goodbye import Goodbye
from daemon.server.limits import Limits
from daemon.server.query import NAMES
from daemon.server.topics import Answer, Hub
from daemon.server.tzone import SPECS
from daemon.server.tzone.endpoint import Spec
from daemon.simulator import scenario
from daemon.sources.base import Wanted
from daemon.sources.configs import CONFIGS
from daemon.trial.rehearsal import rehearse
from rules.engine import Engine
from rules.events import FundingRate, MarkPrice, OpenInterest
from rules.kinds import KINDS
from rules.selection import Selection
from rules.series import Part, Series
from rules.spec import RuleSpec
from rules.trials import Expectation, Trial
from rules.windows import KINDS as WINDOWS
from rules.writer import PLAIN
from sinks.base import Busy, Gone, Receipt
from sinks.post import open_session
from tests.daemon.cli.typed import typed as run
from tests.daemon.sources.loopback import QUICK, Venue, house, supervised, until
from tests.sinks.samples import WARNING

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECTIONS = {"sources", "sinks", "rules", "tests", "storage", "server", "label"}

# files that a walk-through tells the reader to make
INVENTED = {
    "rules/kinds/premium.py",
    "tests/rules/kinds/test_premium.py",
    "sinks/mattermost.py",
    "tests/sinks/test_mattermost.py",
    "daemon/wire/kelp_stream.py",
    "daemon/sources/streams/kelp.py",
    "tests/daemon/wire/test_kelp_stream.py",
    "tests/daemon/sources/streams/test_kelp.py",
}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?:daemon|rules|sinks|storage|tests|bench|docs)/[\w./-]*")
_ANCHOR_DROPS = re.compile(r"[^\w\- ]")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in _FENCE.findall(page.read_text("utf-8")) if kind == language]


def every(language: str) -> list[Any]:
    """Each block of a language as a parameter that says where it stands."""
    return [
        pytest.param(text, id=f"{named(page)}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, language), 1)
    ]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Its headings as GitHub makes them into links."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {_ANCHOR_DROPS.sub("", head.lower()).replace(" ", "-") for head in heads}


# -- what is written in YAML -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", every("yaml"))
def test_every_yaml_block_is_right(text: str, tmp_path: Path) -> None:
    """A block that a reader copies is taken as it is: a configuration loads, anything else is at least YAML."""
    secret = tmp_path / "secret"
    secret.write_text("json://127.0.0.1/hook", encoding="utf-8")
    text = re.sub(r"file:/[\w/]+", f"file:{secret}", text)
    file = tmp_path / "block.yaml"
    file.write_text(text, encoding="utf-8")
    value, _, mistakes = read(text.encode(), "block.yaml")
    assert [] == mistakes
    if isinstance(value, dict) and SECTIONS & value.keys():
        config = load([file], environ={name: stand_in(name) for name in re.findall(r"\$\{(\w+)\}", text)})
        rehearse(config)
    elif isinstance(value, dict) and "acts" in value:
        scenario.parse(text.encode(), "block.yaml")


def stand_in(name: str) -> str:
    """A secret of the right form."""
    return {"TELEGRAM_BOT": "123456:AAE-x", "TELEGRAM_CHAT": "-1001", "TELEGRAM_GROUP": "-1002"}.get(
        name, "xoxb-1-2-x" if name == "SLACK_BOT" else "x1y2"
    )


def test_the_readme_shows_every_kind_of_rule() -> None:
    """Whoever reads one page has seen all kinds."""
    shown = {kind for text in blocks(ROOT / "README.md", "yaml") for kind in re.findall(r"\btype: (\w+)", text)}

    assert set(KINDS) == shown


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_names_every_field_of_every_kind(kind: str) -> None:
    """A field that nobody can find is not there."""
    page = (ROOT / "docs/rules.md").read_text("utf-8")
    common = set(keys(RuleSpec))  # type: ignore[type-abstract]  # its fields are read, none is made
    section = page.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    for_all = set(
        re.findall(r"^\| `(\w+)` \|", page.partition("\n## Fields of every kind\n")[2].partition("\n## ")[0], re.M)
    )

    assert common == for_all
    assert set(keys(KINDS[kind].SPEC)) - common == told


def keys(model: type[RuleSpec]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def test_the_reference_and_the_readme_name_every_function() -> None:
    """Those of the language, windows and plain ones."""
    for page in (ROOT / "README.md", ROOT / "docs/rules.md"):
        text = page.read_text("utf-8")

        assert [] == [name for name in (*WINDOWS, *PLAIN) if f"{name}(" not in text]


# -- how rules are tried -----------------------------------------------------------------------------------------------

TRYING = ROOT / "docs/trying-rules.md"


@pytest.mark.parametrize(
    ("heading", "model"),
    [("A test", Trial), ("A series", Series), ("A moment", Expectation)],
    ids=["test", "series", "moment"],
)
def test_the_page_of_tests_names_every_field(heading: str, model: type[Part]) -> None:
    """And no other."""
    section = TRYING.read_text("utf-8").partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    told = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert {field.alias or name for name, field in model.model_fields.items()} == set(told)


def test_what_the_page_prints_is_what_the_commands_say(tmp_path: Path) -> None:
    """The whole walk: a test that passes, one that fails, a past, and what the rules say of it."""
    (rules,) = blocks(TRYING, "yaml")
    (past,) = blocks(TRYING, "csv")
    failing, replayed, brought_in = blocks(TRYING, "text")
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    (tmp_path / "loose.yaml").write_text(rules.replace("clear: 0.03%", "clear: 0.05%"), encoding="utf-8")
    (tmp_path / "funding.csv").write_text(past, encoding="utf-8")
    history = ("--db", "history.db")

    assert "1 test passed\n" == run("test", "rules.yaml", cwd=tmp_path).stdout
    assert run("test", "loose.yaml", cwd=tmp_path).stdout.startswith(failing.removesuffix("...\n"))
    assert brought_in == run("import", "funding.csv", "--type", "funding_rate", *history, cwd=tmp_path).stdout
    assert replayed == run("backtest", "rules.yaml", *history, "--since", "2026-01-01", cwd=tmp_path).stdout


# -- what the port answers -------------------------------------------------------------------------------------------

ENDPOINTS = ROOT / "docs/endpoints.md"
ENDS = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.path.removeprefix("/tzone_apis/services/"))


def of_endpoint(spec: Spec[Any]) -> str:
    """The section about this endpoint on the page of its document."""
    _, _, place = spec.path.removeprefix("/tzone_apis/services/").partition("/")
    page = "futures" if "/futures/" in spec.path else "stablecoins"
    text = (ROOT / f"docs/endpoints-{page}.md").read_text("utf-8")
    for section in text.split("\n## ")[1:]:
        head, _, body = section.partition("\n")
        if place in (head, f"ws/{head}") or place in head.split(", "):
            return body
    return ""


@ENDS
def test_the_documents_tell_each_endpoint(spec: Spec[Any]) -> None:
    """Its path with the documented example, and each parameter that it alone has."""
    row = f"| `{spec.path}` | [{spec.about}]("

    assert [True] == [
        f"`{spec.example}`" in line for line in ENDPOINTS.read_text("utf-8").splitlines() if line.startswith(row)
    ]
    assert of_endpoint(spec)
    assert [] == [name for name in sorted(spec.own - NAMES) if f"`{name}`" not in of_endpoint(spec)]


def first_of_rows(page: Path, heading: str) -> set[str]:
    """What stands as code in the first column of the tables under this heading."""
    section = page.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {code for cell in cells for code in (_CODE.findall(cell) or [cell])}


def test_the_reference_names_every_parameter_that_all_endpoints_have() -> None:
    """And no other."""
    told = first_of_rows(ENDPOINTS, "Parameters of all endpoints")

    assert NAMES | {"only_changes"} == {word for word in told if re.fullmatch(r"[a-z_]+", word)} - {
        "parameter",
        "written",
    }


def test_the_reference_names_every_error_code() -> None:
    """As they stand in the code, wherever an error frame is made."""
    made = {
        call.args[0].value
        for file in (ROOT / "daemon/server").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and (getattr(call.func, "id", "") or getattr(call.func, "attr", ""))
        in ("BadParameter", "error_payload", "_tell", "_tell_trouble")
        and isinstance(call.args[0], ast.Constant)
    }

    assert "missing" in made
    assert made == first_of_rows(ENDPOINTS, "Error frames") - {"code"}


def test_the_reference_names_every_close_code() -> None:
    """Those that we send."""
    assert {str(goodbye.code) for goodbye in Goodbye} == first_of_rows(ENDPOINTS, "Goodbyes") - {"close code"}


def test_the_readme_names_every_setting_of_the_port() -> None:
    """As it is written in the file."""
    settings = {field.alias or name for name, field in ServerConfig.model_fields.items()}

    assert settings == first_of_rows(ROOT / "README.md", "Settings of the port") - {"setting"}


def test_the_readme_names_every_source_and_its_settings() -> None:
    """A source that nobody can find is not there."""
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Sources\n")[2].partition("\n## ")[0]
    rows = {name: line for line in section.splitlines() for name in re.findall(r"^\| `(\w+)` \|", line)}

    assert set(CONFIGS) == set(rows)
    for name, config in CONFIGS.items():
        own = set(config.model_fields) - {"ws_url", "rest_url"}
        assert [] == [setting for setting in sorted(own) if f"`{setting}`" not in rows[name]], name


async def test_the_python_client_of_the_documents_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As printed, apart from the port."""
    (text,) = blocks(ENDPOINTS, "python")
    path = next(spec.path for spec in SPECS if spec.path in text)
    async with Hub([Told(path)], Limits(), lambda: 0) as hub:
        app = web.Application()

        async def stream(request: web.Request) -> web.StreamResponse:
            return await converse(request, hub, hub.endpoints[path])

        app.router.add_get(path, stream)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            text = text.replace("127.0.0.1:8000", f"127.0.0.1:{runner.addresses[0][1]}")
            client = made(text.replace("asyncio.run(watch())", ""), "walk.client", tmp_path, monkeypatch)
            await client.watch()
        finally:
            await hub.stop()
            await runner.cleanup()

    asked, then = map(ast.literal_eval, capsys.readouterr().out.splitlines())
    assert [{"symbols": "BTC,ETH", "filters": '{"exchange": "Binance"}'}] == asked
    assert [{"filters": None, "sort_by": "funding_rate", "sort_order": "desc"}] == then


class Told:
    """An endpoint that answers with what it was asked."""

    is_stream = False

    def __init__(self, path: str) -> None:
        self.path = path

    def parse(self, asked: Mapping[str, Any], previous: str | None) -> str:
        return json.dumps(dict(asked))

    def key(self, params: str) -> str:
        return params

    def changes(self, params: str) -> int:
        return 0

    async def answer(self, params: str, now_ms: int, last: Answer | None) -> Answer:
        return Answer(0, f'{{"rows": {{"results": [{params}]}}}}'.encode(), 60.0)


# -- what is typed ---------------------------------------------------------------------------------------------------


def typed(page: Path) -> Iterator[str]:
    """Every `tocsin ...` and `make ...` on a page: lines of code, and code inside sentences."""
    text = page.read_text("utf-8")
    for line in text.splitlines():
        if found := re.match(r"    (?:sudo (?:-u \S+ )?)?(?:\S*/)?((?:tocsin|make) [a-z].*)", line):
            yield found[1].partition("#")[0].strip()
    yield from (code for code in _CODE.findall(prose(page)) if re.match(r"(tocsin|make) [a-z]", code))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_on_a_page_exists(page: Path) -> None:
    """With the options that it is given."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for command in typed(page):
        name, *words = shlex.split(command)
        if name == "make":
            assert {word for word in words if word.isalpha() and word.islower()} <= targets, command
        else:
            assert None is unknown_part(words), f"{named(page)}: `{command}`: {unknown_part(words)}"


def unknown_part(words: list[str]) -> str | None:
    """The first word that the command line would not know, or None."""
    command: click.Command = tocsin
    for word in words:
        if word in (">", "|"):
            return None
        if word.startswith("-") and word not in ("--help", "-h"):
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            if word not in known:
                return word
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is not None:
                command = found
            elif command is tocsin:
                return word
    return None


def test_the_check_of_commands_notices_what_is_wrong() -> None:
    """Else it would be worth nothing."""
    assert None is unknown_part(["outbox", "retry", "36c2bef8"])
    assert "foretell" == unknown_part(["foretell", "x.yaml"])
    assert "--fast" == unknown_part(["demo", "--fast"])


# -- what is pointed at ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files and headings of ours; the world's own addresses are not asked."""
    for link in _LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Unless the page tells the reader to make it."""
    for code in _CODE.findall(prose(page)):
        if _PATH.fullmatch(code) and code not in INVENTED:
            assert (ROOT / code).exists(), code


def test_the_index_lists_every_page() -> None:
    """A page that is not listed is not read."""
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link).resolve() for link in _LINK.findall(index.read_text("utf-8"))}

    assert set() == {page for page in PAGES if page.name not in ("README.md", "CHANGELOG.md")} - listed


# -- the walk-throughs -----------------------------------------------------------------------------------------------


def made(text: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of a page's text, under the name that the page gives it."""
    file = folder / f"{name.replace('.', '_')}.py"
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_rule_kind_of_the_walk_through_fires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page prints it."""
    (text,) = blocks(ROOT / "docs/adding-a-rule-kind.md", "python")
    kind = made(text, "rules.kinds.premium", tmp_path, monkeypatch)
    raw = {"id": "btc-premium", "type": "premium", "symbols": "BTC", "above": "0.3%", "clear": "0.1%", "for": "1m"}
    engine = Engine([kind.SPEC.model_validate(raw).compile()])
    prices = [100.0, 100.41, 100.41, 100.2, 100.05]
    said = [
        transition
        for minute, price in enumerate(prices)
        for transition in engine.observe(mark(price, minute * 60_000), minute * 60_000)
    ]

    assert ["pending", "fired", "cleared"] == [transition.change for transition in said]
    assert "okx BTC-USDT-PERP: mark 0.41% off its index (limit 0.3%)" == kind.say(said[1].alert, 0).headline


def mark(price: float, at_ms: int) -> MarkPrice:
    return MarkPrice(
        venue="okx", symbol="BTC-USDT-PERP", price=price, index_price=100.0, at_ms=at_ms, received_ms=at_ms
    )


async def test_the_sink_of_the_walk_through_tells_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A yes is a yes, a 429 says when to come back, a dead hook is dead, and no error holds the key."""
    address_text, driver_text = blocks(ROOT / "docs/adding-a-sink.md", "python")
    hook = made(address_text, "walk.address", tmp_path, monkeypatch).MattermostHook
    monkeypatch.setattr("sinks.address.MattermostHook", hook, raising=False)
    driver = made(driver_text, "sinks.mattermost", tmp_path, monkeypatch)
    answers = iter([(200, "ok", {}), (429, "slow down", {"Retry-After": "7"}), (404, "no hook s3cret-key", {})])

    async def answer(request: web.Request) -> web.Response:
        status, body, headers = next(answers)
        return web.Response(status=status, text=body, headers=headers)

    app = web.Application()
    app.router.add_post("/hooks/s3cret-key", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with open_session() as session:
            address = hook(host="chat.example.org", key="s3cret-key")
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            sink = driver.MattermostSink("desk", address, session=session, api_url=url)

            assert Receipt() == await sink.deliver(WARNING)
            with pytest.raises(Busy) as busy:
                await sink.deliver(WARNING)
            assert 7.0 == busy.value.retry_after_s
            with pytest.raises(Gone) as gone:
                await sink.deliver(WARNING)
            assert "s3cret-key" not in str(gone.value)
    finally:
        await runner.cleanup()


async def test_the_source_of_the_walk_through_hears_a_venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real socket: it subscribes to what is wanted, and frames become events."""
    codec_text, config_text, stream_text = blocks(ROOT / "docs/adding-a-source.md", "python")
    wire = made(codec_text, "daemon.wire.kelp_stream", tmp_path, monkeypatch)
    config = made(config_text, "walk.configs", tmp_path, monkeypatch).Kelp
    monkeypatch.setattr("daemon.sources.configs.Kelp", config, raising=False)
    source = made(stream_text, "daemon.sources.streams.kelp", tmp_path, monkeypatch)
    said = (
        '{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.0000125","openInterest":"688.11",'
        '"prevDayPx":"85000.0","dayNtlVlm":"1169046.29","premium":null,"oraclePx":"85301.0","markPx":"85300.0"}}}'
    )

    def answer(text: str) -> list[str]:
        assert '{"method": "subscribe", "subscription": {"type": "activeAssetCtx", "coin": "BTC"}}' == text
        return [f'{{"channel":"subscriptionResponse","data":{text}}}', said]

    wanted = Wanted([(kind, None, Selection.of(["BTC"])) for kind in (MarkPrice, FundingRate, OpenInterest)])
    async with Venue(answer) as venue, house(wanted) as home:
        (feed,) = source.build(config(ws_url=venue.url), home.context, timing=QUICK)
        async with supervised(feed):
            await until(lambda: len(home.facts) == 3 and feed.status.state == "up")

    price, funding, interest = home.facts
    assert isinstance(price, MarkPrice) and isinstance(funding, FundingRate) and isinstance(interest, OpenInterest)
    assert ("BTC-USDC-PERP", 85_300.0, 1.0, 688.11) == (price.symbol, price.price, funding.interval_h, interest.oi_base)
    again = [event for frame in wire.encode(home.facts, 0) for event in wire.Decoder().decode(frame, price.at_ms)]
    assert home.facts == again
