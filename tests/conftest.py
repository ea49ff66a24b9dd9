"""For all tests: what they start is compiled once, and nobody looks for garbage among what stays anyway."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from aiohttp import web_app
from hypothesis import HealthCheck, settings


def pytest_configure(config: pytest.Config) -> None:
    """Where we are run must not matter to the processes that tests start."""
    if sys.dont_write_bytecode and "PYTHONPYCACHEPREFIX" not in os.environ:
        # no compiled files may lie beside the sources, and a hundred processes would each compile all of them anew
        sys.dont_write_bytecode = False
        sys.pycache_prefix = str(config.rootpath / ".pytest_cache" / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell wants it so for what runs in its background; the processes that tests end by Ctrl-C would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # whether an example is slow is for the machine to say; what else Hypothesis has been told elsewhere stays
    settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("unhurried")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: a third of the time a worker waits for sockets, disks and clocks, so one more has room."""
    return max(1, round(1.5 * len(os.sched_getaffinity(0))))


def pytest_collection_finish() -> None:
    """Tests and modules are here until the end: an eighth of a worker's time went into looking through them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 5, 5)  # as the program does it


@pytest.fixture(scope="module", autouse=True)
def _forget_servers() -> Iterator[None]:
    """aiohttp remembers every application with middlewares for ever, and with it the house and its database."""
    yield
    web_app._cached_build_middleware.cache_clear()
