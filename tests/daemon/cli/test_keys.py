"""`tocsin keys` as people type it: shown once, listed without it, revoked by id, by name, or by the key itself."""

import asyncio
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from daemon.server.auth import Gate, Refused
from storage.access import Access
from storage.database import Database
from tests.daemon.cli.typed import typed
from tests.databases import both, database_url, postgres_url

__all__ = ["database_url", "postgres_url"]

SECRET = "0123456789abcdef0123456789abcdef"
KEY = r"tocsin_[\w-]{43}"


def configured(folder: Path, url: str | None = None, **server: object) -> Path:
    file = folder / "tocsin.yaml"
    sections = {"storage": {"url": url or str(folder / "tocsin.db")}, "server": {"host": "0.0.0.0"} | server}
    file.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return file


def keys(*arguments: str, at: Path) -> "subprocess.CompletedProcess[str]":
    return typed("keys", arguments[0], "-c", "tocsin.yaml", *arguments[1:], cwd=at)


async def reasons(url: str, secret: str | None, *shown: str) -> list[str]:
    """What a daemon with this secret says to each key."""
    database = await Database.open(url)
    said = []
    try:
        gate = Gate(Access(database), secret=secret, clock=lambda: 1_790_000_000_000)
        await gate.load()
        for key in shown:
            try:
                await gate.check({"x-api-key": key}, {}, host="x")
                said.append("in")
            except Refused as exc:
                said.append(exc.reason.value)
    finally:
        await database.close()
    return said


@both
@pytest.mark.parametrize("secret", [None, SECRET], ids=["own secret", "configured secret"])
def test_a_key_from_its_making_to_its_end(tmp_path: Path, database_url: str, secret: str | None) -> None:
    """Shown once, on its own line, so that a script can take it."""
    configured(tmp_path, database_url, **({"secret": secret} if secret else {}))
    made, again = keys("create", "desk", at=tmp_path), keys("create", "bot", at=tmp_path)
    key, other = made.stdout.strip(), again.stdout.strip()

    assert (0, 0) == (made.returncode, again.returncode)
    assert re.fullmatch(KEY, key) and re.fullmatch(KEY, other) and key != other
    assert "the key of desk; it is not shown again" in made.stderr
    assert "" == made.stderr.replace("the key of desk; it is not shown again. Clients send it as `x-api-key`.\n", "")
    assert ["in", "in", "invalid"] == asyncio.run(reasons(database_url, secret, key, other, f"{key}x"))
    assert ["invalid"] == asyncio.run(reasons(database_url, "x" * 32, key))

    listed = keys("list", at=tmp_path).stdout
    assert [f"{key[7:15]}  desk", f"{other[7:15]}  bot"] == [
        re.split("  made", line)[0] for line in listed.splitlines()
    ]
    assert key not in listed and "revoked" not in listed

    ended = keys("revoke", "desk", at=tmp_path)
    assert (0, "1 key revoked\n") == (ended.returncode, ended.stdout)
    assert ["revoked", "in"] == asyncio.run(reasons(database_url, secret, key, other))
    assert [True, False] == [line.endswith("  revoked") for line in keys("list", at=tmp_path).stdout.splitlines()]


def test_a_key_is_revoked_by_id_and_by_itself_and_a_name_ends_all_of_its_keys(tmp_path: Path) -> None:
    configured(tmp_path)
    one, two, _, _ = [keys("create", "bot", at=tmp_path).stdout.strip() for _ in range(4)]

    assert "1 key revoked\n" == keys("revoke", one[7:15], at=tmp_path).stdout
    assert "1 key revoked\n" == keys("revoke", two, at=tmp_path).stdout
    assert "2 keys revoked\n" == keys("revoke", "bot", at=tmp_path).stdout


def test_what_is_not_there_is_a_sentence_without_the_key(tmp_path: Path) -> None:
    """Also when somebody pastes the whole key."""
    configured(tmp_path)
    key = keys("create", "desk", at=tmp_path).stdout.strip()
    keys("revoke", "desk", at=tmp_path)
    for shown in (key, "desk", "nobody"):
        done = keys("revoke", shown, at=tmp_path)
        assert (1, "") == (done.returncode, done.stdout)
        assert "there is no valid key called" in done.stderr
        assert key not in done.stderr


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "\x1b[31mred", "x" * 61])
def test_a_name_is_printable(tmp_path: Path, name: str) -> None:
    """It stands in listings, on other people's terminals."""
    configured(tmp_path)
    done = keys("create", name, at=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert "who the key is for" in done.stderr


@pytest.mark.parametrize("words", [("list",), ("revoke", "desk")])
def test_looking_makes_no_database(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A wrong path must not look like an empty list."""
    configured(tmp_path)
    done = keys(*words, at=tmp_path)

    assert 1 == done.returncode
    assert "tocsin.db does not exist yet" in done.stderr
    assert not (tmp_path / "tocsin.db").exists()


def test_whoever_makes_a_key_that_nobody_asks_for_is_told(tmp_path: Path) -> None:
    configured(tmp_path, host="127.0.0.1")

    assert "server.host is 127.0.0.1: while it is, nobody is asked for a key" in keys("create", "x", at=tmp_path).stderr


def test_a_secret_that_can_be_guessed_makes_no_key(tmp_path: Path) -> None:
    """And does not stand in the complaint."""
    configured(tmp_path, secret="hunter2")
    done = keys("create", "desk", at=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert "server.secret: too easy to guess" in done.stderr
    assert "hunter2" not in done.stderr


def test_neither_key_nor_configured_secret_is_in_the_file(tmp_path: Path) -> None:
    configured(tmp_path, secret=SECRET)
    key = keys("create", "desk", at=tmp_path).stdout.strip()
    held = b"".join(path.read_bytes() for path in tmp_path.glob("tocsin.db*"))

    assert key[:15].encode() not in held and key[7:15].encode() in held
    assert SECRET.encode() not in held


def test_a_key_reads_unless_it_was_made_for_acting(tmp_path: Path) -> None:
    configured(tmp_path)
    keys("create", "screen", at=tmp_path)
    keys("create", "desk", "--act", at=tmp_path)
    listed = keys("list", at=tmp_path).stdout.splitlines()

    assert ["screen reads", "desk reads and acts"] == [
        f"{found[1]} {found[3]}" for line in listed if (found := line.split("  "))
    ]


def test_the_files_are_named_before_or_behind_the_subcommand(tmp_path: Path) -> None:
    """What stands behind counts; that goes for recipients too."""
    file = configured(tmp_path)
    before = typed("keys", "-c", str(file), "create", "desk", cwd=tmp_path)
    listed = typed("keys", "-c", "elsewhere.yaml", "list", "-c", str(file), cwd=tmp_path)
    sink = typed("sinks", "-c", str(file), "test", "fone", cwd=tmp_path)

    assert (0, 0) == (before.returncode, listed.returncode)
    assert "  desk  made " in listed.stdout
    assert sink.stderr.strip().endswith("Error: there is no sink 'fone'; known: console")
