"""Moments on the command line: 30d (ago), 2026-05-01, 2026-05-01 13:30; in UTC."""

from datetime import UTC, datetime
from typing import Any

import click

from daemon.clock import wall_ms
from rules.units import duration_ms


class Moment(click.ParamType[int]):
    """A moment in milliseconds since 1970: a duration is so long ago."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip()
        try:
            return wall_ms() - duration_ms(text)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(text.removesuffix("Z"))
        except ValueError:
            self.fail(
                f"'{value}' is no moment; write 30d for so long ago, 2026-05-01 or '2026-05-01 13:30'", param, ctx
            )
        return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


MOMENT = Moment()


def say_moment(at_ms: int) -> str:
    """2026-05-01 13:30Z."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%MZ}"
