"""A chart becomes a PNG: a line or stems, the limits, when it fired. Facts in, bytes out; nothing here waits or asks.

The only room that knows Pillow; who imports it waits for that.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO
from itertools import pairwise

import msgspec
from PIL import Image, ImageDraw, ImageFont

from daemon.pictures.chart import Chart, Limit, Mark, plain
from daemon.pictures.layout import apart, between, gaps, in_sight, latest, reach, runs
from daemon.pictures.scale import round_times, round_values, said_apart, said_times
from rules.alerts import Severity

WIDTH, HEIGHT = 1280, 720  # as large as Telegram shows a photo; a phone shrinks it to a quarter, so the type is large
TITLE, TICK, TAG, SMALL = 50, 38, 40, 33  # sizes of type
_TITLES = (TITLE, 42, 36)  # the largest that fits
_TOP, _BOTTOM = 148, 628  # of the plot: above it the title and what happened when, below it the time
_EDGE, _GAP = 32, 18
_FINE = 2  # lines are drawn so much larger, and shrunk: that makes them smooth
_LINE, _DOT, _ARROW = 6, 13, 26
_FEW = 40  # so few values are shown each with a dot of its own
_COLOURS = 56
_PLATE = 2
_ZONE, _SILENT = "UTC", "no data"
_LEAD = 120  # so far may words stand aside from their line, beyond half of their length

Colour = tuple[int, int, int]
GROUND, GRID, DIM, WORDS, LINE = (19, 23, 32), (39, 46, 60), (148, 158, 176), (236, 239, 245), (104, 190, 255)
CLEAR, ZERO = (92, 208, 150), (84, 94, 114)
LOUD: dict[Severity, Colour] = {
    Severity.INFO: (160, 150, 255),
    Severity.WARNING: (255, 186, 66),
    Severity.CRITICAL: (255, 98, 98),
}


def draw(chart: Chart) -> bytes:
    """The chart as a PNG of a few kilobytes. ValueError if it has no values."""
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    _Canvas(chart, image).paint()
    packed = image.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = BytesIO()
    packed.save(file, "PNG")
    return file.getvalue()


class _Canvas:
    """One chart being drawn: where everything stands, then stroke by stroke."""

    def __init__(self, chart: Chart, image: Image.Image) -> None:
        self._chart, self._image, self._pen = chart, image, ImageDraw.Draw(image)
        self._low, self._high = reach(chart)
        self._ticks = round_values(self._low, self._high)
        self._said_ticks = said_apart(self._ticks, chart.say)
        self._limits = in_sight(chart, self._low, self._high)
        self._beyond = [limit for limit in chart.limits if limit not in self._limits and limit.severity is not None]
        self._last = latest(chart)
        tags = [chart.say(limit.value) for limit in (*self._limits, *self._beyond)] + [self._said_last()]
        self._left = _EDGE + max((_long(words, TICK) for words in self._said_ticks), default=0) + _GAP
        arrow = _ARROW if self._beyond else 0
        self._right = WIDTH - _EDGE - max(_long(words, TAG) for words in tags) - arrow - 2 * _GAP
        self._span_ms = max(1, chart.ends_ms - chart.begins_ms)

    def paint(self) -> None:
        """From the back to the front."""
        self._shade()
        self._axes()
        self._levels()
        self._verticals()
        mask = self._curve()
        self._names(mask)
        self._silences(mask)
        self._tags()
        self._head()

    # -- where --------------------------------------------------------------------------------------------------

    def _x(self, at_ms: float) -> float:
        share = (at_ms - self._chart.begins_ms) / self._span_ms
        return self._left + min(1.0, max(0.0, share)) * (self._right - self._left)

    def _y(self, value: float) -> float:
        return _BOTTOM - (value - self._low) / (self._high - self._low) * (_BOTTOM - _TOP)

    def _said_last(self) -> str:
        return "" if self._last[1] is None else self._chart.say_value(self._last[1])

    # -- what ---------------------------------------------------------------------------------------------------

    def _shade(self) -> None:
        """While it fires."""
        chart = self._chart
        if chart.fired_ms is None or chart.is_stems:
            return
        begins, ends = (self._x(at) for at in (chart.fired_ms, chart.cleared_ms or chart.ends_ms))
        shade = _mixed(LOUD[chart.severity], GROUND, 0.14)
        self._pen.rectangle((round(begins), _TOP, max(round(ends), round(begins) + 2), _BOTTOM), fill=shade)

    def _axes(self) -> None:
        for value, words in zip(self._ticks, self._said_ticks, strict=True):
            y = round(self._y(value))
            fill = ZERO if value == 0 and self._low < 0 else GRID
            self._pen.line((self._left, y, self._right, y), fill=fill, width=2)
            self._pen.text((self._left - _GAP, y), words, DIM, _font(TICK), anchor="rm")
        moments = round_times(self._chart.begins_ms, self._chart.ends_ms)
        taken = float(_EDGE + _long(_ZONE, TICK) + _GAP)
        for at_ms, words in zip(moments, said_times(moments, self._span_ms), strict=True):
            x, half = self._x(at_ms), _long(words, TICK) / 2
            self._pen.line((round(x), _BOTTOM, round(x), _BOTTOM + 10), fill=DIM, width=2)
            if x - half >= taken and x + half <= WIDTH - _EDGE:
                self._pen.text((x, _BOTTOM + 34), words, DIM, _font(TICK), anchor="mt")
                taken = x + half + _GAP
        self._pen.text((_EDGE, _BOTTOM + 34), _ZONE, DIM, _font(TICK), anchor="lt")
        self._pen.line((self._left, _BOTTOM, self._right, _BOTTOM), fill=DIM, width=2)

    def _levels(self) -> None:
        for limit in self._limits:
            y = round(self._y(limit.value))
            if limit.severity is None:
                for x in range(round(self._left), round(self._right), 26):
                    self._pen.line((x, y, min(x + 14, round(self._right)), y), fill=CLEAR, width=3)
            else:
                self._pen.line((self._left, y, self._right, y), fill=_colour(limit.severity), width=3)

    def _verticals(self) -> None:
        """What happened when: lines, and words in the row above the plot as far as there is room for them."""
        seen = [one for one in self._chart.marks if self._chart.begins_ms <= one.at_ms <= self._chart.ends_ms]
        earlier = [one for one in self._chart.marks[:1] if one.at_ms < self._chart.begins_ms]  # it fires all along
        said = [*(msgspec.structs.replace(one, words=f"‹ {one.words}") for one in earlier), *seen]
        while said and (places := self._places(said)) is None:
            said.pop()
        for mark in seen:
            x, top = round(self._x(mark.at_ms)), _TOP - (8 if mark in said else 0)
            self._pen.line((x, top, x, _BOTTOM), fill=_colour(mark.severity), width=3)
        for mark, middle in zip(said, places or () if said else (), strict=True):
            self._pen.text((middle, _TOP - 14), mark.words, _colour(mark.severity), _font(SMALL), anchor="ms")

    def _places(self, marks: Sequence[Mark]) -> list[float] | None:
        """Where the middle of each one's words comes to stand; None if one would be too far from its line."""
        order = sorted(range(len(marks)), key=lambda number: marks[number].at_ms)
        halves = [_long(marks[number].words, SMALL) / 2 for number in order]
        wanted = [self._x(marks[number].at_ms) for number in order]
        middles = apart(wanted, halves, self._left, WIDTH - _EDGE, _GAP)
        places = [0.0] * len(marks)
        for number, middle, want, half in zip(order, middles, wanted, halves, strict=True):
            if abs(middle - want) > half + _LEAD:
                return None
            places[number] = middle
        return places

    def _curve(self) -> Image.Image:
        """The values: drawn as a mask, then coloured by the levels that they have passed."""
        width, height = WIDTH, HEIGHT
        mask = Image.new("L", (width * _FINE, height * _FINE))
        pen = ImageDraw.Draw(mask)
        values = [(self._x(at_ms), None if value is None else self._y(value)) for at_ms, value in self._chart.points]
        few = sum(1 for _, y in values if y is not None) <= _FEW
        if self._chart.is_stems:
            foot = self._y(min(max(0.0, self._low), self._high)) * _FINE
            for begins_ms, ends_ms in between(self._chart.outages, self._chart.begins_ms, self._chart.ends_ms):
                pen.line((self._x(begins_ms) * _FINE, foot, self._x(ends_ms) * _FINE, foot), fill=255, width=4 * _FINE)
            for x, y in ((x * _FINE, y * _FINE) for x, y in values if y is not None):
                pen.line((x, foot, x, y), fill=255, width=(4 if few else 3) * _FINE)
                _blob(pen, x, y, (8 if few else 5) * _FINE)
        else:
            for run in runs(values):
                if len(run) > 1:
                    stairs = [(x * _FINE, y * _FINE) for x, y in _stairs(run)]
                    pen.line(stairs, fill=255, width=_LINE * _FINE, joint="curve")
                for x, y in run if few or len(run) == 1 else ():
                    _blob(pen, x * _FINE, y * _FINE, (_LINE if few else _LINE / 2) * _FINE)
        mask = mask.reduce(_FINE)
        for top, bottom, colour in self._bands():
            if bottom > top:
                self._image.paste(colour, (0, top, width, bottom), mask.crop((0, top, width, bottom)))
        if self._last[1] is not None and not self._chart.is_stems:
            dot = Image.new("L", (4 * _DOT, 4 * _DOT))
            _blob(ImageDraw.Draw(dot), 2 * _DOT, 2 * _DOT, 2 * _DOT - 2)
            place = round(self._x(self._last[0])) - _DOT, round(self._y(self._last[1])) - _DOT
            self._image.paste(self._reached(), place, dot.reduce(2))
        return mask

    def _reached(self) -> Colour:
        """The colour of the level that the latest value has passed."""
        value = self._last[1] or 0.0
        passed = [
            one.severity
            for one in (*self._chart.limits, *self._chart.mirrored)
            if one.severity is not None and (value < one.value if self._is_below(one) else value > one.value)
        ]
        return _colour(max(passed, key=lambda severity: severity.rank)) if passed else LINE

    def _is_below(self, limit: Limit) -> bool:
        """Whether it is worse to be lower than this limit."""
        return self._chart.is_falling is not (limit in self._chart.mirrored)

    def _bands(self) -> Iterator[tuple[int, int, Colour]]:
        """From the harmless part to the bad ones: between which rows the curve has which colour."""
        rows: dict[bool, list[tuple[int, Colour]]] = {False: [], True: []}
        for limit in sorted(self._limits, key=lambda limit: -1 if limit.severity is None else limit.severity.rank):
            if limit.severity is not None:
                rows[self._is_below(limit)].append((round(self._y(limit.value)), LOUD[limit.severity]))
        above, below = rows[False], rows[True]
        yield above[0][0] if above else 0, below[0][0] if below else HEIGHT, LINE
        for (row, colour), (end, _) in pairwise([*above, (0, LINE)]):
            yield end, row, colour
        for (row, colour), (end, _) in pairwise([*below, (HEIGHT, LINE)]):
            yield row, end, colour

    def _names(self, mask: Image.Image) -> None:
        """What a level is called, on its line, at the side where the curve leaves room."""
        for limit in self._limits:
            words, colour = "clear" if limit.severity is None else limit.severity.value, _colour(limit.severity)
            long, y = _long(words, SMALL), round(self._y(limit.value))
            for x in (round(self._left) + 8, round(self._right) - long - 8):
                for top in (y - SMALL - 8, y + 6):
                    box = (x - 4, top, x + long + 4, top + SMALL)
                    if top >= _TOP and top + SMALL <= _BOTTOM and self._is_free(box, mask, limit):
                        self._pen.text((x, top), words, colour, _font(SMALL), anchor="lt")
                        mask.paste(255, box)  # taken
                        break
                else:
                    continue
                break

    def _silences(self, mask: Image.Image) -> None:
        """What a gap means, where there is room to say it."""
        if self._chart.is_stems:
            return
        long = _long(_SILENT, SMALL)
        for begins_ms, ends_ms in gaps(self._chart.points, self._chart.ends_ms):
            if self._x(ends_ms) - self._x(begins_ms) < long + 2 * _GAP:
                continue
            x = round((self._x(begins_ms) + self._x(ends_ms) - long) / 2)
            before = next((one for at, one in reversed(self._chart.points) if at < begins_ms and one is not None), 0.0)
            wanted = self._y(before) - SMALL / 2  # where the line would have gone on
            tops = sorted(range(_BOTTOM - SMALL - _GAP, _TOP, -SMALL // 2), key=lambda top: abs(top - wanted))
            boxes = ((x - 4, top, x + long + 4, top + SMALL) for top in tops)
            box = next((box for box in boxes if self._is_free(box, mask, None)), None)
            if box is not None:
                self._pen.text((x, box[1] + 2), _SILENT, DIM, _font(SMALL), anchor="lt")
                mask.paste(255, box)  # taken

    def _is_free(self, box: tuple[int, int, int, int], mask: Image.Image, own: Limit | None) -> bool:
        rows = [self._y(limit.value) for limit in self._limits if limit is not own]
        columns = [self._x(mark.at_ms) for mark in self._chart.marks]
        return (
            mask.crop(box).getbbox() is None
            and all(not box[1] - 4 < row < box[3] + 4 for row in rows)
            and all(not box[0] - 4 < column < box[2] + 4 for column in columns)
        )

    def _tags(self) -> None:
        """In the right margin: the limits, those out of sight with an arrow, and the latest value on a plate."""
        tags: list[tuple[float, int, str, Colour]] = [  # row, +1 or -1: out of sight, 0: on its row, or the plate
            (min(max(self._y(one.value), _TOP), _BOTTOM), way, self._chart.say(one.value), _colour(one.severity))
            for one, way in [
                *((one, 0) for one in self._limits),
                *((one, 1 if one.value > self._high else -1) for one in self._beyond),
            ]
        ]
        if self._last[1] is not None:
            tags.append((self._y(self._last[1]), _PLATE, self._said_last(), self._reached()))
        tags.sort(key=lambda tag: tag[:2])
        rows = apart([tag[0] for tag in tags], [27.0] * len(tags), _TOP - 12, _BOTTOM + 16, 0)
        for y, (_, way, words, colour) in zip(rows, tags, strict=True):
            x = self._right + 2 * _GAP - 8
            if way == _PLATE:
                box = (x - 12, y - 26, x + _long(words, TAG) + 12, y + 26)
                self._pen.rounded_rectangle(box, radius=8, fill=colour)
            elif way:
                self._pen.polygon([(x, y + 7 * way), (x + 18, y + 7 * way), (x + 9, y - 9 * way)], fill=colour)
                x += _ARROW
            self._pen.text((x, y), words, GROUND if way == _PLATE else colour, _font(TAG), anchor="lm")

    def _head(self) -> None:
        room = WIDTH - 2 * _EDGE
        if self._chart.label:
            words = _cut(plain(self._chart.label), SMALL, room // 3)
            box = (WIDTH - _EDGE - _long(words, SMALL) - 28, 20, WIDTH - _EDGE, 72)
            self._pen.rounded_rectangle(box, radius=10, outline=LOUD[Severity.WARNING], width=3)
            self._pen.text((WIDTH - _EDGE - 14, 46), words, LOUD[Severity.WARNING], _font(SMALL), anchor="rm")
            room -= round(box[2] - box[0]) + _GAP
        what, where = plain(self._chart.title), plain(self._chart.place)
        size = next((size for size in _TITLES if _long(_titled(what, where), size) <= room), _TITLES[-1])
        left = room - _long(_titled("", where), size)  # a formula may be long; where it happened must be read
        title = _titled(_cut(what, size, left), where) if left > 0 else _cut(where, size, room)
        self._pen.text((_EDGE, 64), title, WORDS, _font(size), anchor="ls")


def _stairs(run: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """A value stands until the next one comes: a slope would pass a limit before anybody had heard so."""
    for (x, y), (following, _) in pairwise(run):
        yield x, y
        yield following, y
    yield run[-1]


def _blob(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def _colour(severity: Severity | None) -> Colour:
    return CLEAR if severity is None else LOUD[severity]


def _mixed(colour: Colour, ground: Colour, share: float) -> Colour:
    red, green, blue = (round(one * share + two * (1 - share)) for one, two in zip(colour, ground, strict=True))
    return red, green, blue


def _cut(text: str, size: int, room: int) -> str:
    if _long(text, size) <= room:
        return text
    while text and _long(f"{text}…", size) > room:
        text = text[:-1].rstrip()
    return f"{text}…"


def _titled(what: str, where: str) -> str:
    return f"{what} · {where}" if where else what


def _long(text: str, size: int) -> int:
    return round(_font(size).getlength(text))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "with a size, it is the one that scales"
    return font
