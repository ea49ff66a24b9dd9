"""Reading the files again when they are saved: all of them or nothing."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

from daemon.config.difference import Difference, difference
from daemon.config.load import load, signature
from daemon.config.mistakes import ConfigError, Mistake
from daemon.config.model import Config, Signature

log = logging.getLogger(__name__)

_QUIET_MS = 100  # a save is over when the directory has been still for so long
_DEBOUNCE_MS = 2_000  # but nobody waits longer than this
LOOK_ANYWAY_S = 5.0  # network file systems and replaced directories tell nobody
_LINKS_MAX = 40
Rehearse = Callable[[Config], object]  # raises ConfigError


@dataclass(frozen=True, kw_only=True)
class Reloaded:
    """The files were saved and are right. `difference` is empty when they say what they said before."""

    old: Config
    new: Config
    difference: Difference


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The files were saved and are wrong; what ran goes on running."""

    error: ConfigError


async def reloads(
    config: Config,
    *,
    stop: asyncio.Event | None = None,
    environ: Mapping[str, str] = os.environ,
    look_anyway_s: float = LOOK_ANYWAY_S,
    rehearse: Rehearse = lambda config: None,
) -> AsyncGenerator[Reloaded | Refused, None]:
    """Watch the files of `config` until `stop`, and say what each save means. The same error is said once.

    `rehearse` tries what was saved, in a thread; its ConfigError refuses it.
    """
    files, started, said = config.files, config, ""
    saves = _saves(files, config.signature, stop or asyncio.Event(), look_anyway_s)
    async with aclosing(saves):
        async for _ in saves:
            answer = await asyncio.to_thread(_read, config, started, files, environ, rehearse)
            if isinstance(answer, Refused):
                if said != str(answer.error):
                    said = str(answer.error)
                    yield answer
            elif answer.difference or said:
                config, said = answer.new, ""
                yield answer


async def _saves(
    files: Sequence[Path], seen: Signature, stop: asyncio.Event, look_anyway_s: float
) -> AsyncGenerator[None, None]:
    """Whenever the files are not those that were seen last."""
    said = False
    while not stop.is_set():
        while (now := await asyncio.to_thread(signature, files)) != seen:  # since the files were read
            seen = now
            yield
        watched = directories(files)
        changes = awatch(
            *watched,
            watch_filter=None,
            recursive=False,
            step=_QUIET_MS,
            debounce=_DEBOUNCE_MS,
            rust_timeout=round(look_anyway_s * 1000),
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        )
        try:
            async with aclosing(changes):
                async for _ in changes:
                    if (now := await asyncio.to_thread(signature, files)) != seen:
                        seen = now
                        yield
                    if directories(files) != watched:
                        break
        except (OSError, WatchfilesRustInternalError) as exc:  # no watch is left on this machine, or a folder has gone
            log.log(
                logging.DEBUG if said else logging.WARNING,
                "files are not watched but looked at",
                extra={"reason": str(exc)},
            )
            said = True
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), look_anyway_s)


def directories(files: Sequence[Path]) -> frozenset[Path]:
    """Where a change of these files can be seen: their directories, and those of every link on the way to them.

    A file itself is not watched: after the first atomic replace one would be watching a file that is gone.
    """
    found: set[Path] = set()
    for file in files:
        todo, links = [file.absolute()], 0
        found.add(_existing(todo[0].parent))
        while todo and links < _LINKS_MAX:
            path = todo.pop()
            for part in (path, *path.parents):
                if part.is_symlink():
                    links += 1
                    found.add(_existing(part.parent))
                    todo.append(part.parent / part.readlink() / path.relative_to(part))
                    break
    return frozenset(found)


def _existing(directory: Path) -> Path:
    """The directory, or the closest one above it that is there."""
    return next(part for part in (directory, *directory.parents) if part.is_dir())


def _is_empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except OSError:  # gone since it was seen, or not ours to look at: reading it says so in a sentence
        return False


def _read(
    old: Config, started: Config, files: Sequence[Path], environ: Mapping[str, str], rehearse: Rehearse
) -> Reloaded | Refused:
    try:
        empty = [str(file) for file in files if _is_empty(file)]
        if empty:  # some editors empty a file before they fill it; nobody means that all rules shall go
            what, right = "the file has been emptied", "write `rules: []` if no rule is meant"
            raise ConfigError([Mistake(file, 1, 1, "", what, right) for file in empty])
        new = load(files, environ=environ)
        rehearse(new)
    except ConfigError as exc:
        return Refused(error=exc)
    return Reloaded(old=old, new=new, difference=difference(old, new, started=started))
