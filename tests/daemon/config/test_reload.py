"""Files are read again when they are saved: all of them or nothing. Real files, real directories."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.config.model import Config
from daemon.config.reload import Refused, Reloaded, directories, reloads
from tests.patience import PATIENCE_S

BEFORE = "rules:\n - {id: a, type: liquidation, at_least: $1m}\n - {id: b, type: liquidation, at_least: $1m}\n"
AFTER = "rules:\n - {id: a, type: liquidation, at_least: $2m}\n - {id: c, type: liquidation, at_least: $1m}\n"
SAID = "+ rule c\n- rule b\n~ rule a: at_least: $1m -> $2m"


class Answers:
    """What the watch says, one at a time, each within patience."""

    def __init__(self, source: AsyncIterator[Reloaded | Refused]) -> None:
        self._source = source

    async def reloaded(self) -> Reloaded:
        answer = await self._next()
        assert isinstance(answer, Reloaded)
        return answer

    async def refused(self) -> Refused:
        answer = await self._next()
        assert isinstance(answer, Refused)
        return answer

    async def _next(self) -> Reloaded | Refused:
        async with asyncio.timeout(PATIENCE_S):
            return await anext(self._source)


@asynccontextmanager
async def watching(config: Config, **environ: str) -> AsyncIterator[Answers]:
    source = reloads(config, environ=environ)
    async with aclosing(source):
        yield Answers(source)


def saved(path: Path, text: str) -> None:
    """As editors save: a new file beside the old one, moved over it."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.replace(path)


async def test_an_atomic_replace_is_seen_every_time(tmp_path: Path) -> None:
    """Who watches the file itself sees the first and misses the second: the inode is gone."""
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    config = load([file], environ={})
    async with watching(config) as answers:
        saved(file, AFTER)
        first = await answers.reloaded()
        saved(file, BEFORE)
        second = await answers.reloaded()

    assert first.old is config
    assert SAID == str(first.difference)
    assert ["a", "c"] == [rule.id for rule in first.new.rules]
    assert second.old is first.new
    assert ["a", "b"] == [rule.id for rule in second.new.rules]


async def test_writing_in_place_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    async with watching(load([file], environ={})) as answers:
        file.write_text(AFTER)

        assert SAID == str((await answers.reloaded()).difference)


async def test_a_swapped_link_is_seen(tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: rules.yaml -> ..data/rules.yaml, and ..data is swapped."""
    for name, text in (("one", BEFORE), ("two", AFTER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "rules.yaml").symlink_to(Path("..data/rules.yaml"))
    async with watching(load([tmp_path / "rules.yaml"], environ={})) as answers:
        (tmp_path / "..new").symlink_to("two")
        (tmp_path / "..new").replace(tmp_path / "..data")

        assert SAID == str((await answers.reloaded()).difference)


def _replaced(tmp_path: Path) -> Callable[[str], None]:
    return lambda text: saved(tmp_path / "rules.yaml", text)


def _rewritten(tmp_path: Path) -> Callable[[str], None]:
    def save(text: str) -> None:
        (tmp_path / "rules.yaml").write_text(text)

    return save


def _mounted(tmp_path: Path) -> Callable[[str], None]:
    """rules.yaml -> ..data/rules.yaml, and ..data -> a directory that is new with each save."""
    numbers = count()

    def save(text: str) -> None:
        name = f"v{next(numbers)}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(text)
        (tmp_path / "..new").symlink_to(name)
        (tmp_path / "..new").replace(tmp_path / "..data")
        if not (tmp_path / "rules.yaml").is_symlink():
            (tmp_path / "rules.yaml").symlink_to(Path("..data/rules.yaml"))

    return save


def _deployed(tmp_path: Path) -> Callable[[str], None]:
    """rules.yaml -> far/current/rules.yaml, and far/current -> a directory that is new with each save."""
    (tmp_path / "far").mkdir()
    numbers = count()

    def save(text: str) -> None:
        name = f"v{next(numbers)}"
        (tmp_path / "far" / name).mkdir()
        (tmp_path / "far" / name / "rules.yaml").write_text(text)
        (tmp_path / "new").symlink_to(name)
        (tmp_path / "new").replace(tmp_path / "far" / "current")
        if not (tmp_path / "rules.yaml").is_symlink():
            (tmp_path / "rules.yaml").symlink_to(tmp_path / "far" / "current" / "rules.yaml")

    return save


@pytest.mark.parametrize("way", [_replaced, _rewritten, _mounted, _deployed])
async def test_the_directory_itself_tells(tmp_path: Path, way: Callable[[Path], Callable[[str], None]]) -> None:
    """Without the look that is taken anyway: what is waited for is the file system's own word, twice."""
    save = way(tmp_path)
    save("label: START\n")
    config = load([tmp_path / "rules.yaml"], environ={})
    numbers = count()
    async with aclosing(reloads(config, environ={}, look_anyway_s=3_600)) as source, asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            answer = asyncio.create_task(anext(source), name="answer")
            await asyncio.wait({answer}, timeout=0.3)  # nothing has been saved: it looks, and begins to watch
            while not answer.done():  # nobody can see when a watch begins, so the file is saved until it is noticed
                save(f"label: L{next(numbers)}\n")
                await asyncio.wait({answer}, timeout=0.3)

            assert isinstance(answer.result(), Reloaded)


async def test_a_link_that_is_swapped_far_away_is_seen(tmp_path: Path) -> None:
    """As releases are deployed: etc/rules.yaml -> releases/current/rules.yaml, and current is swapped."""
    for name, text in (("one", BEFORE), ("two", AFTER)):
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "rules.yaml").write_text(text)
    (tmp_path / "releases" / "current").symlink_to("one")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "rules.yaml").symlink_to(tmp_path / "releases" / "current" / "rules.yaml")
    file = tmp_path / "etc" / "rules.yaml"

    expected = {tmp_path / "etc", tmp_path / "releases"}
    assert expected <= directories([file])
    async with watching(load([file], environ={})) as answers:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").replace(tmp_path / "releases" / "current")

        assert SAID == str((await answers.reloaded()).difference)


async def test_a_broken_file_keeps_the_old_and_says_so_once(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    config = load([file], environ={})
    async with watching(config) as answers:
        saved(file, "rules: [")
        first = await answers.refused()
        saved(file, "rules: [")  # the same mistake, saved again: nothing new to say
        saved(file, "rulse: []\n")
        second = await answers.refused()
        saved(file, AFTER)
        third = await answers.reloaded()

    assert "close the bracket" in str(first.error)
    assert f"{file}:1:1: rulse: is not a section; did you mean rules?" == str(second.error)
    assert third.old is config
    assert SAID == str(third.difference)


async def test_a_mistake_taken_back_is_said_too(tmp_path: Path) -> None:
    """Otherwise the last word would be that the file is wrong."""
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    async with watching(load([file], environ={})) as answers:
        saved(file, "rules: 5")
        await answers.refused()
        saved(file, BEFORE)

        assert not (await answers.reloaded()).difference


async def test_a_file_that_goes_away_or_is_emptied_takes_no_rule_with_it(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    async with watching(load([file], environ={})) as answers:
        file.unlink()
        gone = await answers.refused()
        file.touch()
        empty = await answers.refused()

    assert "there is no such file" in str(gone.error)
    assert "the file has been emptied" in str(empty.error)


async def test_one_wrong_file_of_two_changes_nothing(tmp_path: Path) -> None:
    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    a.write_text("label: ONE\n")
    b.write_text(BEFORE)
    async with watching(load([a, b], environ={})) as answers:
        saved(b, "rules: 5")
        await answers.refused()
        saved(a, "label: TWO\n")
        saved(b, AFTER)
        answer = await answers.reloaded()
        while answer.new.label != "TWO" or len(str(answer.difference).splitlines()) < 4:
            answer = await answers.reloaded()  # the two saves may be seen one after the other

    assert "TWO" == answer.new.label


async def test_a_save_between_loading_and_watching_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    config = load([file], environ={})
    saved(file, AFTER)
    async with watching(config) as answers:
        assert SAID == str((await answers.reloaded()).difference)


async def test_a_touch_and_a_comment_say_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    async with watching(load([file], environ={})) as answers:
        os.utime(file)
        saved(file, f"# a word\n{BEFORE}")
        saved(file, AFTER)

        assert SAID == str((await answers.reloaded()).difference)


@pytest.mark.parametrize("trouble", [OSError("OS file watch limit reached"), PermissionError("not yours")])
async def test_files_that_cannot_be_watched_are_looked_at(
    tmp_path: Path, trouble: OSError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine may have no watch left to give; that is no reason to stop the house. Said once."""

    async def refused(*_: object, **__: object) -> AsyncIterator[None]:
        raise trouble
        yield

    monkeypatch.setattr("daemon.config.reload.awatch", refused)
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    config = load([file])
    async with aclosing(reloads(config, look_anyway_s=0.02)) as source:
        first = asyncio.ensure_future(anext(source))
        async with asyncio.timeout(PATIENCE_S):
            while not caplog.records:  # noqa: ASYNC110 - what is awaited is a log line
                await asyncio.sleep(0.005)
        saved(file, AFTER)
        answer = await asyncio.wait_for(first, PATIENCE_S)

    assert isinstance(answer, Reloaded)
    assert ["files are not watched but looked at"] == [
        record.getMessage() for record in caplog.records if record.levelname == "WARNING"
    ]


async def test_the_watch_ends_when_told(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BEFORE)
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        assert [] == [answer async for answer in reloads(load([file], environ={}), stop=stop)]
