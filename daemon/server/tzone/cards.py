"""Cards: a title, a value written for people, and the number behind it; and cards that sum up a list of details."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from daemon.server.rows import Row
from daemon.server.table import Selection, select
from daemon.server.tzone.endpoint import Data, Frame, Params, raw


def in_dollars(amount: float | None) -> str | None:
    """$2,345,678,901, or None for what is unknown."""
    return None if amount is None else f"${round(amount):,}"


def in_usd(amount: float) -> str:
    """1,234,567,890 USD."""
    return f"{amount:,.0f} USD"


def in_percent(percent: float | None) -> str | None:
    """52.34 %, of percents that are out of 100 already."""
    return None if percent is None else f"{percent:.2f} %"


def cards(selection: Selection, data: Data, params: Params[Any], frame: Frame) -> dict[str, Any]:
    """The frame of a list of cards as printed in the document."""
    del data, params
    return {
        "results": raw(selection),
        "count": selection.count,
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
    }


def one_card(card: dict[str, Any], frame: Frame) -> dict[str, Any]:
    """The frame of a single card as printed in the document."""
    return {"results": [card], "count": 1, "adaptive_interval": frame.interval, "timestamp": frame.timestamp}


def left(data: Data, params: Params[Any], frame: Frame) -> Sequence[Row]:
    """Every detail that passes the filters, on whichever page it is: what a card's total is made of."""
    every = replace(params.query, page=1, page_size=None, sort_by=None)
    return select(data.table, every, frame.now_ms).rows
