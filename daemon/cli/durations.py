"""Durations on the command line: 30m, 1h, 2d."""

from typing import Any

import click

from rules.units import duration_ms


class Duration(click.ParamType[int]):
    """A duration as in the rules, in milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return duration_ms(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


DURATION = Duration()
