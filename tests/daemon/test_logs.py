"""What the log looks like, and what never stands in it."""

import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import logs
from tests.chats import JsonHook, Reply, Slack, Telegram, Vanish, telegram_error
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, cheap


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Other tests have handlers of their own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (*logs.QUIET, "apprise"):
        logging.getLogger(name).setLevel(logging.NOTSET)


SECRET = "".join(("s3", "cret"))  # so that no line of source shows it


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def crash(token: str) -> None:
    """Fail with a secret among the local variables."""
    assert token
    raise ZeroDivisionError("a bug")


def test_off_a_terminal_each_record_is_a_line_of_json() -> None:
    """Constant sentences, fields beside them; a traceback is a field, too."""
    stream = io.StringIO()
    logs.set_up(stream=stream)
    logging.getLogger("daemon.dispatch").warning("lane is held", extra={"sink": "desk", "for_s": 1.5, "odd": {1, 2}})
    try:
        crash(SECRET)
    except ZeroDivisionError:
        logging.getLogger("daemon").exception("it broke\nin two lines")

    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert ("lane is held", "warning", "desk", 1.5) == tuple(first[key] for key in ("event", "level", "sink", "for_s"))
    assert first["timestamp"].endswith("Z")
    assert "it broke\nin two lines" == second["event"]
    assert "ZeroDivisionError: a bug" in second["exception"]


def test_on_a_terminal_it_is_for_people_and_shows_no_local_variables() -> None:
    """A sink's token is one of them when a driver breaks."""
    stream = Terminal()
    logs.set_up(stream=stream)
    try:
        crash(SECRET)
    except ZeroDivisionError:
        logging.getLogger("daemon").exception("it broke")

    assert "it broke" in stream.getvalue()
    assert "ZeroDivisionError: a bug" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_on_a_terminal_a_line_begins_with_who_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing that came from outside moves the cursor."""
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    logs.set_up(stream=stream)
    fields = {"service": "okx.market", "error": "no\x1b[2Jconnection", "retry_in_s": 0.4}
    logging.getLogger("daemon.supervisor").warning("service stumbled", extra=fields)

    expected = r"warning  okx.market: service stumbled  error='no\x1b[2Jconnection' retry_in_s=0.4"
    assert expected == stream.getvalue().partition("Z ")[2].rstrip()


@pytest.mark.parametrize(("out", "lines"), [(Terminal(), 0), (io.StringIO(), 1)], ids=["terminal", "file"])
def test_what_the_console_has_said_is_not_logged_on_the_same_terminal(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO, lines: int
) -> None:
    """But it is when only the log is on a terminal, and it always is in a file."""
    monkeypatch.setattr("sys.stdout", out)
    for stream in (terminal := Terminal(), file := io.StringIO()):
        logs.set_up(stream=stream)
        logging.getLogger("daemon.house").info("configuration is reloaded", extra={"said": True})

    assert lines == len(terminal.getvalue().splitlines())
    assert {"event", "level", "timestamp"} == set(json.loads(file.getvalue()))


def test_libraries_that_tell_of_every_step_are_quiet() -> None:
    """Ours speaks on change."""
    stream = io.StringIO()
    logs.set_up(logging.DEBUG, stream)
    for name in logs.QUIET:
        logging.getLogger(name).info("a step")
    logging.getLogger("apprise").error("Loaded JSON URL: json://user:token@host")

    assert "" == stream.getvalue()


def test_a_driver_that_is_cut_off_while_it_connects_is_no_news() -> None:
    """Nobody waits for that future, and asyncio says so; it says the same of our bugs, and those are shown."""
    stream = io.StringIO()
    logs.set_up(stream=stream)
    for trouble in (ConnectionError("unexpected connection_lost() call"), ValueError("a bug")):
        logging.getLogger("asyncio").error("Future exception was never retrieved", exc_info=trouble)

    (line,) = stream.getvalue().splitlines()
    assert "ValueError: a bug" in json.loads(line)["exception"]


def test_a_halted_terminal_halts_nobody() -> None:
    """Nobody reads the pipe: the lines wait, then some are lost and counted, and all the others are there in order."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as pipe, os.fdopen(reader, encoding="utf-8") as ours:
        logs.set_up(stream=pipe)
        with logs.aside(waiting_max=100):
            for number in range(1_000):  # far more than a pipe and the queue hold
                logging.getLogger("daemon").info("a line", extra={"number": number, "ballast": "x" * 1_000})
            said = [json.loads(ours.readline())]
            while "lines" not in said[-1]:
                said.append(json.loads(ours.readline()))

    kept = [line["number"] for line in said[:-1]]
    assert "lines of the log were lost, because nobody took them" == said[-1]["event"]
    assert 1_000 == len(kept) + said[-1]["lines"]
    assert sorted(kept) == kept


def test_what_waits_is_written_at_the_end() -> None:
    """An orderly end loses no line."""
    stream = io.StringIO()
    logs.set_up(stream=stream)
    with logs.aside():
        for number in range(50):
            logging.getLogger("daemon").info("a line", extra={"number": number})

    assert list(range(50)) == [json.loads(line)["number"] for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("is_terminal", [False, True], ids=["json", "terminal"])
async def test_no_secret_is_ever_logged(tmp_path: Path, is_terminal: bool) -> None:
    """A whole run in which every sink fails in every way, at the most talkative level."""
    stream = Terminal() if is_terminal else io.StringIO()
    logs.set_up(logging.DEBUG, stream)
    secrets = [
        "987654:BotSecretQwErTy",
        "HookSecretAsDf",
        "xoxb-77-88-ApiSecretZxCv",
        "JsonSecretPoIu",
        "PageSecretLkJh",
    ]
    bot, hook, api, password, page = secrets
    async with (
        Venue(USDT=0.97, DAI=0.96) as venue,
        Telegram(bot) as telegram,
        Slack(f"T0AAA/B0BBB/{hook}", api) as slack,
        JsonHook() as json_hook,
    ):
        json_url = f"json://user:{password}@{json_hook.url.removeprefix('http://')}/{password}"
        sinks = {
            "phone": {"url": telegram.address(), "api_url": telegram.url},
            "desk": {"url": slack.hook_address, "api_url": slack.url},
            "bot": {"url": slack.bot_address, "api_url": slack.api_url},
            "json": {"url": json_url},
            "closed": {"url": telegram.address("-1002"), "api_url": "http://127.0.0.1:9"},
        }
        home = Home(
            tmp_path,
            venue,
            sinks=sinks,
            server={"port": 0, "token": page},
            rules=[cheap(f"rule-{number}", below=0.99 - number / 1000) for number in range(6)],
        )
        telegram.moods.extend([Reply(502, bot), Vanish(), Reply(429, bot)])
        telegram.always = telegram_error(403, f"Forbidden: {bot} was blocked")
        slack.moods.extend([Reply(500, hook), Vanish(), Reply(404, f"no_service {hook}"), Reply(404, f"no {api}")])
        slack.always = Reply(403, f'{{"ok":false,"error":"invalid_auth {api} {hook}"}}')
        json_hook.moods.extend([Reply(500, password), Vanish()])
        json_hook.always = Reply(410, password)
        async with home.living() as house:

            def all_failed() -> bool:
                assert house.dispatch is not None
                return all(lane.last_error for lane in house.dispatch.status.values())

            await until(all_failed)
            await until(lambda: house.dispatch is not None and house.dispatch.status["json"].disabled is not None)
            home.write(sinks={**sinks, "phone": {"url": telegram.address("-1003"), "api_url": telegram.url}})
            await until(lambda: len(home.said) == 1)
        listing = [str(entry) for entry in await listed(home)]

    said = stream.getvalue()
    assert "sink is dead and disabled" in said
    for secret in (*secrets, bot.partition(":")[2]):
        for text in (said, *home.said, *listing):
            assert secret not in text


async def listed(home: Home) -> list[object]:
    """All that `tocsin outbox` shows."""
    from storage.database import Database
    from storage.outbox import Outbox

    database = await Database.open(str(home.database))
    outbox = Outbox(database)
    found: list[object] = [*await outbox.listing(limit=1_000), *await outbox.lanes()]
    await database.close()
    return found
