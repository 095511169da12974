"""What a person sees: lines that stay, and a bar for work that takes longer than a breath."""

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

# `console.quiet = True` silences everything that goes through this module.
console = Console(highlight=False, markup=False, emoji=False)


def say(text: str = "") -> None:
    """Prints one line that stays.

    Args:
      text: the line; never wrapped, so that plain output can be searched line by line.
    """
    console.print(text, soft_wrap=True)


def bar(*columns: str) -> Progress:
    """Makes a progress bar that is drawn on a terminal only and redrawn only when asked to.

    Args:
      *columns: rich format strings shown after the count, for example "{task.fields[rate]}".

    Returns:
      A rich Progress, to be used as a context manager. It refreshes by itself ten times a second at most when
      `update` is called with `refresh=True`; it starts no thread, which would take time from a CPU that trains.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        *(TextColumn(column) for column in columns),
        TimeRemainingColumn(compact=True),
        console=console,
        auto_refresh=False,
        transient=True,
        disable=console.quiet or not console.is_terminal,
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yields the items and shows how far along they are.

    Args:
      items: what to go through.
      description: what is being done, in two or three words.
      total: how many items there are, where `items` does not say.

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
    """Writes metrics for people, the loss first."""
    names = sorted(metrics, key=lambda name: (name != "loss", name))
    return "  ".join(f"{name} {format_number(metrics[name])}" for name in names)


def format_number(value: float) -> str:
    """Writes a number with four decimals, or where these would say too little with four digits."""
    return f"{value:.4g}" if 0 < abs(value) < 0.1 else f"{value:.4f}"
