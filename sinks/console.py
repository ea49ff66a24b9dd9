"""The terminal: one alert is a headline in its severity's colour and a few indented lines."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, TextIO

from rules.alerts import Change, Severity
from sinks.base import Busy, Gone, Message, Receipt, Shows, Unreached
from sinks.fit import tidy
from sinks.outcome import EditLost
from sinks.pace import UNPACED, Pace
from sinks.writer import StillWriting, Writer

if TYPE_CHECKING:  # rich is loaded when the first sink is built, `check` never needs it
    from rich.console import Console
    from rich.text import Text

_COLOURS = {Severity.INFO: "bold cyan", Severity.WARNING: "bold yellow", Severity.CRITICAL: "bold red"}
_OVER = "bold green"
_INDENT = "    "
STUCK_S = 5.0  # between two looks at a terminal that takes nothing


class ConsoleSink:
    """Whoever looks at the terminal. What is printed stays printed."""

    can_edit = False
    shows = Shows.NEVER
    pace: Pace = UNPACED

    def __init__(self, name: str, console: Console | TextIO | None = None) -> None:
        from rich.console import Console

        self.name = name
        self._writer = Writer(f"console {name}")
        self._console = console if isinstance(console, Console) else Console(file=console)
        # a console of our own draws, and we write: rich would end the whole process when nobody reads any more
        self._pen = Console(
            file=StringIO(),
            force_terminal=self._console.is_terminal,
            color_system=self._console.color_system or None,  # type: ignore[arg-type] # its property says str, its argument a Literal
            no_color=self._console.no_color,
            highlight=False,
        )

    def __repr__(self) -> str:
        return f"<ConsoleSink {self.name}>"

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Print it."""
        if edits is not None:
            raise EditLost(f"console ({self.name}): what is printed cannot be edited")
        with self._pen.capture() as drawn:
            # in a log file a line is a line; on a terminal it breaks between words, where the terminal would cut one
            self._pen.width = self._console.width
            self._pen.print(_text(message), soft_wrap=not self._console.is_terminal)
        try:
            file = self._console.file
            encoding = getattr(file, "encoding", None) or "utf-8"
            words = drawn.get().encode(encoding, "replace").decode(encoding)  # an old terminal gets question marks
            await self._writer.write(file, words)
        except StillWriting:
            raise Busy(f"console ({self.name}): it has not taken the message before", retry_after_s=STUCK_S) from None
        except BrokenPipeError:
            raise Gone(f"console ({self.name}): nobody reads it any more") from None
        except (OSError, ValueError) as exc:  # ValueError: the stream was closed
            raise Unreached(f"console ({self.name}): {exc}") from exc
        return Receipt()

    async def aclose(self) -> None:
        """The stream is not ours; the thread that writes to it is."""
        self._writer.close()


def _text(message: Message) -> Text:
    from rich.text import Text

    colour = _OVER if message.change is Change.CLEARED else _COLOURS[message.severity]
    text = Text(tidy(message.headline) or "(no words)", style=colour)
    for line in map(tidy, message.lines):
        if line:
            text.append(f"\n{_INDENT}{line}", style="not bold default")
    if footer := tidy(message.footer):
        text.append(f"\n{_INDENT}{footer}", style="not bold bright_black")
    return text
