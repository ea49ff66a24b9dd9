"""The laws of delivery for as long as you like: `make laws`, or `python -m tests.storage.at_length --help`.

The test suite plays the same few stories every time. Here each round has a seed of its own, which is printed: the same
seed plays the same stories again. What fails is made as small as it gets and printed as the lines of a plain test.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from hypothesis import Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.storage.laws import EVERY_TIME
from tests.storage.test_delivery_laws import DeliveryMachine
from tests.storage.test_outbox_machine import OutboxMachine
from tests.storage.troubles import TroubledMachine
from tests.storage.upheavals import UpheavalMachine

MACHINES: dict[str, type[RuleBasedStateMachine]] = {
    "outbox": OutboxMachine,
    "delivery": DeliveryMachine,
    "troubles": TroubledMachine,
    "upheavals": UpheavalMachine,
}
ROUND = 25  # stories with one seed: about half a minute
AT_LENGTH = settings(
    EVERY_TIME, derandomize=False, print_blob=False, stateful_step_count=30, phases=[Phase.generate, Phase.shrink]
)


def play(
    machines: Mapping[str, type[RuleBasedStateMachine]],
    *,
    examples: int,
    first_seed: int,
    is_over: Callable[[], bool] = lambda: False,
    out: TextIO = sys.stdout,
) -> list[int]:
    """So many stories of each machine, round by round, until it `is_over`; the seeds that broke a law."""
    broken: list[int] = []
    for number, begun in enumerate(range(0, examples, ROUND)):
        for name, machine in machines.items():
            if is_over():
                return broken
            now_seed, count = first_seed + number, min(ROUND, examples - begun)
            began_s = time.monotonic()
            failure = _round(machine, now_seed, count)
            took_s = time.monotonic() - began_s
            out.write(
                f"{name:9} seed {now_seed}: {count} stories in {took_s:.0f} s, {'BROKEN' if failure else 'well'}\n"
            )
            if failure:
                broken.append(now_seed)
                out.write(f"{failure}\n  again: make laws MACHINE={name} SEED={now_seed} EXAMPLES={count}\n")
            out.flush()
    return broken


def _round(machine: type[RuleBasedStateMachine], its_seed: int, count: int) -> str:
    """What broke and the story that breaks it, or nothing."""
    try:
        run_state_machine_as_test(seed(its_seed)(machine), settings=settings(AT_LENGTH, max_examples=count))
    except Exception as exc:  # noqa: BLE001  # whatever it is, the next rounds are worth their time
        notes = "\n".join(getattr(exc, "__notes__", ()))
        return f"{type(exc).__name__}: {exc}\n{notes}"
    return ""


def main() -> int:
    """The exit code: 1 if a law was broken."""
    parser = argparse.ArgumentParser(description="Play the laws of delivery at length.")
    parser.add_argument("--machine", choices=[*MACHINES, "all"], default="all")
    parser.add_argument("--examples", type=int, default=1_000, help="stories of each machine")
    parser.add_argument("--minutes", type=float, default=30.0, help="no round begins later than that")
    parser.add_argument("--seed", type=int, default=None, help="of the first round; the next ones count up from it")
    asked = parser.parse_args()
    first_seed: int = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    ends_s = time.monotonic() + asked.minutes * 60
    broken = play(
        {name: machine for name, machine in MACHINES.items() if asked.machine in (name, "all")},
        examples=asked.examples,
        first_seed=first_seed,
        is_over=lambda: time.monotonic() >= ends_s,
    )
    sys.stdout.write(f"broken by the seeds {broken}\n" if broken else "no law was broken\n")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
