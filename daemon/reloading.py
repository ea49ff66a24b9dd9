"""What the files mean to the house that runs: a save is applied as a whole, or refused and said."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from daemon.config.mistakes import ConfigError
from daemon.config.model import Config
from daemon.config.reload import Refused, Reloaded, reloads
from daemon.trial.rehearsal import rehearse
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

HOLD_FIRST_S, HOLD_MAX_S = 0.5, 15.0  # between two tries of a database that cannot take a reload


async def obey(
    config: Config,
    apply: Callable[[Config], Awaitable[None]],
    say: Callable[[str], None],
    stop: asyncio.Event,
    *,
    wrong: Callable[[int], None] = lambda mistakes: None,
) -> None:
    """Watch the files of `config` until `stop`; `apply` what was saved, and `say` what changed or what is wrong.

    `wrong` is told how many mistakes the saved files have: none once what is saved is what runs.
    """
    async with aclosing(reloads(config, stop=stop, rehearse=rehearse)) as answers:
        async for answer in answers:
            match answer:
                case Refused(error=error):
                    wrong(len(error.mistakes))
                    say(f"the files were saved with mistakes; what ran goes on running\n{error}")
                    log.warning(
                        "configuration has mistakes, the old one stays", extra={"mistakes": str(error), "said": True}
                    )
                case Reloaded(new=new, difference=difference):
                    await apply(new)
                    wrong(0)
                    changes = str(difference) or "nothing is different"
                    say("\n".join(["the files were read again", changes, *_doubts(new)]))
                    log.info("configuration is reloaded", extra={"difference": changes, "said": True})


async def patiently(work: Callable[[], Awaitable[None]]) -> None:
    """As long as the database needs: a reload is finished, never left half done."""
    wait_s, said = HOLD_FIRST_S, False
    while True:
        try:
            return await work()
        except StorageTrouble as exc:
            log.log(logging.DEBUG if said else logging.ERROR, "reload waits", extra={"reason": str(exc)})
            said = True
        await asyncio.sleep(wait_s)
        wait_s = min(HOLD_MAX_S, wait_s * 2)


def _doubts(config: Config) -> list[str]:
    """What is probably not meant, a line each."""
    return [mistake.said("warning: ") for mistake in config.doubts]


async def warn_of_failures(config: Config) -> None:
    """Say in the log what is doubtful, and if its tests fail: it runs all the same, and nobody waits for this."""
    if config.doubts:
        log.warning(
            "the configuration may not be what is meant; `tocsin check` says all of it",
            extra={"doubts": len(config.doubts), "first": str(config.doubts[0])},
        )
    try:
        await asyncio.to_thread(rehearse, config)
    except ConfigError as exc:
        log.warning(
            "tests of the configuration fail, and it runs all the same",
            extra={"failures": len(exc.mistakes), "first": str(exc.mistakes[0])},
        )
    except Exception:  # a bug of ours in what is only a rehearsal: alerts are worth more
        log.exception("tests of the configuration could not be run")
