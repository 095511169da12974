"""Terminal output: messages, progress bars, metrics and numbers as text.

The library logs to `logging.getLogger("jaxflow")` and prints nothing. The commands show its messages and progress bars
on the console while they run.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

T = TypeVar("T")

# What a terminal takes for commands or for the order of letters, and halves of characters, which it cannot show: C0 but
# tab and line feed, delete and C1, separators of lines, marks of direction, surrogates.
UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
OF_LINES = {"of_lines": True}
# Characters of an error, at most: names come from files.
MAX_ERROR = 4000
# Metrics on a line, at most.
MAX_METRICS = 8

logger = logging.getLogger("jaxflow")
console = Console(highlight=False, markup=False, emoji=False)


class _ConsoleHandler(logging.Handler):
    """Prints each message as one line, never wrapped, so that plain output can be searched line by line.

    A message that is meant to have several is logged with `extra=OF_LINES`.
    """

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        text = printable(prefix + record.getMessage())
        if not getattr(record, "of_lines", False):  # else a name with a line feed would write a line of its own
            text = text.replace("\n", "\\n")
        console.print(text, soft_wrap=True)


class _Words(TextColumn):
    """A column of a progress bar whose words may come from anywhere."""

    def __init__(self, text: str) -> None:
        super().__init__(text, markup=False)

    def render(self, task: Task) -> Text:
        """Returns the words for a terminal."""
        return Text(printable(self.text_format.format(task=task)))


def printable(text: str) -> str:
    """Returns text that may go to a terminal: names of files, classes and columns come from anywhere.

    Args:
      text: any text, of several lines too.

    Returns:
      The text, control characters but tabs and line feeds written as Python does (backslash, x, 1b).
    """
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


def error_text(error: Exception) -> str:
    """Returns an error as one line for a terminal."""
    text = printable(" ".join(str(error).split()))
    return text if len(text) <= MAX_ERROR else f"{text[:MAX_ERROR]}..."


@contextmanager
def show_messages() -> Iterator[None]:
    """Shows jaxflow's messages and progress bars on the console, and restores the logger at the end."""
    handler, level, propagate = _ConsoleHandler(), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # handlers of other libraries would print each message again
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


@contextmanager
def hide_messages() -> Iterator[None]:
    """Hides jaxflow's messages and warnings, and restores the logger at the end."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def bar(*columns: str) -> Progress:
    """Builds a progress bar, which is drawn only on a terminal and within `show_messages`.

    Args:
      *columns: rich format strings shown after the count, for example "{task.fields[rate]}".

    Returns:
      A rich Progress, to be used as a context manager. It is redrawn where `update` is called with `refresh=True`, at
      most ten times a second; it starts no thread, which would slow down training on a CPU.
    """
    shown = any(isinstance(handler, _ConsoleHandler) for handler in logger.handlers)
    return Progress(
        _Words("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        *(_Words(column) for column in columns),
        TimeRemainingColumn(compact=True),
        console=console,
        auto_refresh=False,
        transient=True,
        disable=not shown or not console.is_terminal,
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yields the items and shows progress through them.

    Args:
      items: what to iterate over.
      description: what is being done, in two or three words.
      total: the number of items, where `items` has no length.

    Yields:
      The items, in order.
    """
    total = len(items) if total is None and isinstance(items, Sized) else total
    with bar() as progress:
        task = progress.add_task(description, total=total)
        for count, item in enumerate(items, 1):
            yield item
            if count % 64 == 0 or count == total:
                progress.update(task, completed=count, refresh=True)


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Formats metrics as one line, the loss first; of many, such as those of many targets, the first of them."""
    names = sorted(metrics, key=lambda name: (name != "loss", name))
    more = len(names) - MAX_METRICS
    shown = "  ".join(f"{name} {format_number(metrics[name])}" for name in (names[:MAX_METRICS] if more > 1 else names))
    return f"{shown}  and {more} more" if more > 1 else shown


def format_rate(examples_per_second: float) -> str:
    """Formats examples a second; below 10 with two digits."""
    digits = ".2g" if examples_per_second < 9.5 else ",.0f"
    return f"{examples_per_second:{digits}} examples/s"


def format_number(value: float) -> str:
    """Formats a number with four decimals, or with four significant digits where it is less than 0.1.

    A share that is not quite all is never written as 1.0000.
    """
    if abs(value) < 1 and abs(round(value, 4)) == 1:
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return f"{value:.4g}" if 0 < abs(value) < 0.1 else f"{value:.4f}"


def format_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Formats rows of texts as lines of aligned columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for first, *others in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:]))
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())
    return lines
