"""What stands in the picture: looked at pixel by pixel where that matters."""

from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageChops, ImageStat

from daemon.pictures import drawing
from daemon.pictures.chart import Chart, Limit, Mark, plain, say_moment
from daemon.pictures.drawing import CLEAR, GROUND, HEIGHT, LINE, LOUD, WIDTH, draw
from daemon.pictures.sample import SAMPLES, draw_sample
from rules.alerts import Severity
from tests.daemon.pictures.charts import AWKWARD, CRITICAL, WARNING, D, H, M, T, chart, course, opened

DOCS = Path(__file__).parents[3] / "docs"
BYTES_MAX = 40_000
NEAR = 12


def columns(image: Image.Image, colour: tuple[int, int, int], top: int = 150, bottom: int = 626) -> set[int]:
    """Where from left to right this colour is to be seen, between these rows: in the plot, if none are named."""
    found = _seen(image, colour)
    return {x for x in range(WIDTH) if found.crop((x, top, x + 1, bottom)).getbbox() is not None}


def width(image: Image.Image) -> tuple[int, int]:
    """From where to where an unbroken line goes, its dot at the end not counted."""
    seen = columns(image, LINE)
    left = right = min(seen)
    while right + 1 in seen:
        right += 1
    return left, right - drawing._DOT


def rows(image: Image.Image, colour: tuple[int, int, int], x: int) -> list[int]:
    found = _seen(image, colour)
    return [y for y in range(HEIGHT) if found.getpixel((x, y))]


def _seen(image: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """White where it has this colour, or nearly: the palette is small."""
    red, green, blue = ImageChops.difference(image, Image.new("RGB", image.size, colour)).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda step: 255 if step <= NEAR else 0)


@pytest.mark.parametrize("name", AWKWARD)
def test_whatever_comes_a_chat_takes_the_picture(name: str) -> None:
    """Telegram wants a sum of sides below 10,000 and a ratio below 20; small ones arrive at once."""
    png = draw(AWKWARD[name])
    image = opened(png)

    assert png.startswith(b"\x89PNG")
    assert len(png) < BYTES_MAX
    assert (WIDTH, HEIGHT) == image.size
    assert WIDTH + HEIGHT < 10_000
    assert WIDTH / HEIGHT < 20


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(chart(((T - M, None), (T, None))))


def test_a_gap_is_a_gap() -> None:
    whole = columns(opened(draw(chart(course(lambda _: 0.0003)))), LINE)
    broken = columns(opened(draw(chart(course(lambda i: None if 100 < i < 200 else 0.0003)))), LINE)

    left, right = width(opened(draw(chart(course(lambda _: 0.0003)))))
    missing = whole - broken
    assert (right - left) * 100 / 359 == pytest.approx(len(missing), abs=8)
    assert set(range(min(missing), max(missing) + 1)) == missing
    assert left + (right - left) * 100 / 359 == pytest.approx(min(missing), abs=6)


@pytest.mark.parametrize(("last", "is_said"), [(300, True), (360, True), (120, False)])
def test_a_gap_says_what_it_is_where_there_is_room(last: int, is_said: bool) -> None:
    """In the middle, and where a feed is still down. Of the few minutes of the third there is no room."""
    bare = course(lambda i: None if (116 if last == 120 else 100) < i < last else 0.0003)
    image = opened(draw(chart(bare, limits=(), fired_ms=None)))

    left, _ = width(image)
    assert is_said is any(x > left for x in columns(image, drawing.DIM, bottom=600))


@pytest.mark.parametrize(("title", "place"), [("change(oi_usd, 15m) - " * 9, "bybit BTC-USDT-PERP"), ("x", "y" * 99)])
def test_however_long_the_formula_where_it_happened_is_read(title: str, place: str) -> None:
    """The end of the line is that of the place, in the smallest type, and nothing leaves the picture."""
    image = opened(draw(chart(course(lambda _: 0.0), title=title, place=place, limits=(), fired_ms=None)))
    other = opened(draw(chart(course(lambda _: 0.0), title=title, place=place[:5], limits=(), fired_ms=None)))

    assert max(columns(image, drawing.WORDS, 0, 100)) < WIDTH - 24
    assert columns(image, drawing.WORDS, 0, 100) != columns(other, drawing.WORDS, 0, 100)


def test_the_line_takes_the_colour_of_the_level_it_has_passed() -> None:
    rising = opened(draw(chart(course(lambda i: i * 3.5e-6), limits=(Limit(5e-4, WARNING), Limit(1e-3, CRITICAL)))))
    falling = opened(
        draw(chart(course(lambda i: i * -3.5e-6), limits=(Limit(-5e-4, WARNING),), is_falling=True, fired_ms=None))
    )

    assert max(columns(rising, LINE)) < max(columns(rising, LOUD[CRITICAL]))
    assert rows(rising, LOUD[CRITICAL], max(columns(rising, LOUD[CRITICAL])) - 1)[0] < 200
    assert max(columns(falling, LINE)) < max(columns(falling, LOUD[WARNING]))


def test_a_value_stands_until_the_next_one_comes() -> None:
    """A slope would pass the limit half an hour before anybody had heard so."""
    points = [(T - 2 * H, 0.0001), (T - H, 0.0001), (T, 0.0009)]
    image = opened(draw(chart(points, limits=(Limit(0.0005, WARNING),), fired_ms=T)))
    (left, right), axis = width(image), columns(image, drawing.DIM, drawing._BOTTOM - 1, drawing._BOTTOM + 2)

    assert right - left > 0.95 * (max(axis) - left)


def test_a_limit_stands_where_its_value_is() -> None:
    image = opened(draw(chart(course(lambda _: 0.0), limits=(Limit(0.5, WARNING), Limit(0.25, None)), fired_ms=None)))
    middle = 600
    (*_, zero), limit, clear = (rows(image, colour, middle + 3) for colour in (LINE, LOUD[WARNING], CLEAR))
    clear = clear or rows(image, CLEAR, middle + 16)

    assert zero > max(clear) > max(limit)
    assert max(clear) - max(limit) == pytest.approx((zero - max(limit)) / 2, abs=5)


def test_a_limit_far_away_is_pointed_at_and_does_not_flatten_the_rest() -> None:
    near = draw(chart(course(lambda i: i * 1e-9), limits=(Limit(2e-7, WARNING),)))
    far = draw(chart(course(lambda i: i * 1e-9), limits=(Limit(2e-7, WARNING), Limit(0.5, CRITICAL))))

    heights = [len({y for x in (300, 600, 900) for y in rows(opened(png), LINE, x)}) for png in (near, far)]
    assert heights[0] == pytest.approx(heights[1], abs=8)
    assert not columns(opened(near), LOUD[CRITICAL])
    assert columns(opened(far), LOUD[CRITICAL])


def test_it_is_shaded_while_it_fires_and_not_after() -> None:
    image = opened(draw(chart(course(lambda _: 0.0), limits=(), fired_ms=T - 3 * H, cleared_ms=T - H)))
    left, right = width(image)
    inside = [x for x in range(left, right) if image.getpixel((x, 300)) != image.getpixel((2, 2))]

    assert (right - left) * 2 / 6 == pytest.approx(len(inside), abs=4)
    assert left + (right - left) * 3 / 6 == pytest.approx(min(inside), abs=4)


def test_marks_are_lines_and_words_that_do_not_meet() -> None:
    """The words of what matters most stay when there is no room for all."""
    marks = tuple(Mark(T - ago * M, f"critical 11:{ago:02}", CRITICAL) for ago in (100, 99, 98, 97, 96))
    bare = chart(course(lambda _: 0.0), limits=(), fired_ms=None)
    image = opened(draw(msgspec.structs.replace(bare, marks=marks)))

    words = sorted(columns(image, LOUD[CRITICAL], 100, 136))
    assert columns(image, LOUD[CRITICAL])
    assert words
    assert 720 > words[-1] - words[0]


def test_what_was_over_at_once_is_said_with_both_its_moments() -> None:
    """At the right edge, where there is the least room, with seconds."""
    image = opened(draw(AWKWARD["over within two seconds, at the edge"]))
    fired, cleared = (sorted(columns(image, colour, 100, 136)) for colour in (LOUD[WARNING], CLEAR))

    assert min(fired) < max(fired) < min(cleared) < max(cleared) < WIDTH - 20
    assert max(fired) - min(fired) > 150
    assert max(cleared) - min(cleared) > 150


def test_single_orders_stand_on_a_line_that_says_when_somebody_listened() -> None:
    """An outage from ten minutes after the beginning of the hour to forty."""
    image = opened(draw(AWKWARD["a lone stem beside an outage"]))
    foot = _seen(image, LINE)
    seen = [x for x in range(WIDTH) if foot.crop((x, 600, x + 1, 640)).getbbox() is not None]
    left, right = min(seen), max(seen)
    gap = sorted(set(range(left, right)) - set(seen))

    assert left + (right - left) * 10 / 60 == pytest.approx(gap[0], abs=8)
    assert left + (right - left) * 40 / 60 == pytest.approx(gap[-1], abs=8)
    assert list(range(gap[0], gap[-1] + 1)) == gap


def test_what_fired_before_the_picture_begins_is_said_at_its_edge() -> None:
    """In words, without a line that would stand where nothing happened."""
    bare = chart(course(lambda _: 0.0), limits=(), fired_ms=None)
    image = opened(draw(msgspec.structs.replace(bare, marks=(Mark(T - 9 * D, "fired 12 Nov 12:01", CRITICAL),))))

    words = sorted(columns(image, LOUD[CRITICAL], 100, 136))
    assert not columns(image, LOUD[CRITICAL])
    assert width(image)[0] - 10 <= words[0] <= width(image)[0] + 10


def test_a_label_stands_in_the_picture() -> None:
    plain_one, labelled = (
        opened(draw(chart(course(lambda _: 0.0), limits=(), fired_ms=None, label=label))) for label in (None, "STAGING")
    )

    difference = ImageChops.difference(plain_one, labelled).convert("L").point(lambda step: step > 24).getbbox()
    assert difference is not None
    assert difference[0] > WIDTH / 2
    assert difference[3] < 100


def test_signs_that_the_font_has_not_become_question_marks() -> None:
    assert "????-USDT-PERP · bybit" == plain("币安人生-USDT-PERP\n · bybit")
    assert 96 >= len(plain("x" * 10_000))


@pytest.mark.parametrize(("ago", "expected"), [(0, "fired 12:01"), (H, "fired 11:01"), (2 * D, "fired 19 Nov 12:01")])
def test_a_moment_says_its_date_when_the_clock_is_not_enough(ago: int, expected: str) -> None:
    assert expected == say_moment("fired", T - ago, T)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_in_the_documentation_are_what_the_code_draws(name: str) -> None:
    """Made by `python -m daemon.pictures.sample docs/NAME.png`."""
    kept = (DOCS / f"{name}.png").read_bytes()

    assert len(kept) < BYTES_MAX
    assert max(ImageStat.Stat(ImageChops.difference(opened(kept), opened(draw_sample(name)))).mean) < 1.0


def test_every_severity_has_a_colour_that_can_be_read() -> None:
    """A contrast of 4.5 to the ground, as people with weak eyes need it."""

    def light(colour: tuple[int, int, int]) -> float:
        parts = [part / 255 for part in colour]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    inks = [*LOUD.values(), CLEAR, LINE, drawing.DIM, drawing.WORDS]
    assert set(Severity) == set(LOUD)
    assert all((light(ink) + 0.05) / (light(GROUND) + 0.05) >= 4.5 for ink in inks)


def test_a_chart_does_not_change_when_it_is_drawn() -> None:
    one: Chart = AWKWARD["gaps"]

    assert draw(one) == draw(one)
