"""The door: `tocsin`, or `python -m daemon`."""

import gc
import os
import sys
from pathlib import Path

_STRANGER = (
    "tocsin: '{name}' was loaded from {found}, which is not ours{owner}. "
    "Tocsin needs an environment of its own: python3 -m venv .venv"
)


def main() -> None:
    """Run the command line; first make sure that the packages are our own."""
    gc.set_threshold(50_000, 5, 5)  # a start makes what stays; looking for garbage in it takes a fifth of the time
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # we have none, and looking for them takes 20 ms
    if (stranger := _stranger()) is not None:
        sys.exit(stranger)
    from daemon.cli import tocsin

    tocsin(prog_name="tocsin")


def _stranger() -> str | None:
    """What took one of our package names: python-daemon installs a `daemon`, Django's rules a `rules`."""
    import daemon
    import rules
    import sinks
    import storage

    ours = Path(__file__).resolve().parent.parent
    for package in (daemon, rules, sinks, storage):
        found = Path(package.__file__ or "").resolve().parent
        if found.parent != ours:
            return _STRANGER.format(name=package.__name__, found=found, owner=_owner(package.__name__))
    return None


def _owner(name: str) -> str:
    from importlib.metadata import packages_distributions

    others = [owner for owner in packages_distributions().get(name, []) if owner != "tocsin"]
    return f" (it belongs to {', '.join(sorted(set(others)))})" if others else ""


if __name__ == "__main__":
    main()
