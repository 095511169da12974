"""Whether the value that a flag gives fits its field, and how to write one that does."""

import re
from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from jaxflow.errors import UserError, near_name
from jaxflow.experiment import Experiment
from jaxflow.flags.choose import NO_WORDS, field_at, flag_groups, parts_of
from jaxflow.flags.describe import takes
from jaxflow.ranges import Range

# What is written for None, True and False elsewhere.
OTHER_WORDS = {
    "None": NO_WORDS,
    "True": ("true", "yes", "on", "1", "y", "t"),
    "False": ("false", "no", "off", "0", "n", "f"),
}

# The words of a value that is written as in Python.
SEPARATED = r"[^\s,;\[\](){}'\"]+"


def check_values(experiment: Experiment, flags: Sequence[str]) -> None:
    """Checks that each flag's value is of the type of its field; ranges are checked when the experiment is built.

    Args:
      experiment: the experiment whose fields the flags name; flags that name none are not looked at.
      flags: words of a command line.

    Raises:
      UserError: a value does not fit, or there is none.
    """
    for first, *words in flag_groups(flags):
        flag, equals, value = first.partition("=")
        found = field_at(experiment, flag.removeprefix("--")) if flag.startswith("--") else None
        if found is None or parts_of(found[1]):
            continue
        _check_dashes(flag, words, found[1])
        words = [value] * bool(equals) + words
        if words == ["()"] or (words and fits(words, found[1])):
            continue
        if any(fits(words[:end], found[1]) for end in range(1, len(words))) and not _any_number(found[1]):
            continue  # what follows the value belongs to no flag, and is told so
        given = f"is {' '.join(words)!r}" if words else "has no value"
        raise UserError(f"{flag} {given}; it takes {takes(found[1])}; {_advice(flag, words, *found)}")


def _check_dashes(flag: str, words: Sequence[str], annotation: Any) -> None:
    """Raises UserError if a text that a field takes begins with a dash, which a flag does too."""
    dashed = [word for word in words if word.startswith("-") and not _converts(word, float)]
    if dashed and any(fits([dashed[0]], option) for option in _options(annotation)):
        way = f"write {flag}={dashed[0]}" if len(words) == 1 else "name such ones in the experiment file"
        raise UserError(f"{dashed[0]} after {flag} begins with a dash, as flags do; {way}")


def fits(words: Sequence[str], annotation: Any) -> bool:
    """Returns whether the words of a value can become what a field holds; what is no plain type holds anything."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return fits(words, arguments[0])
    if origin in (Union, UnionType):
        return any(fits(words, option) for option in arguments)
    if origin is tuple:
        if arguments[-1:] == (...,):
            width = row_width(arguments[0])
            rows = [words[first : first + width] for first in range(0, len(words), width)]
            return all(fits(row, arguments[0]) for row in rows)
        return len(words) == len(arguments) and all(fits([word], each) for word, each in zip(words, arguments))
    if origin is Literal:
        return len(words) == 1 and words[0] in map(str, arguments)
    if annotation is NoneType:
        return list(words) == ["None"]
    if annotation is bool:
        return list(words) in (["True"], ["False"])
    return annotation not in (int, float, str) or (len(words) == 1 and _converts(words[0], annotation))


def row_width(annotation: Any) -> int:
    """Returns how many words an element of a tuple is written in: one, or those of a tuple within it."""
    return len(get_args(annotation)) if get_origin(annotation) is tuple else 1


def _converts(word: str, kind: type) -> bool:
    try:
        kind(word)
    except ValueError:
        return False
    return True


def _advice(flag: str, words: Sequence[str], held: Any, annotation: Any) -> str:
    """Returns how to write a value: what the wrong one may have meant, the one that is set now, or one that fits."""
    for meant in _meanings(" ".join(words), annotation):
        if meant != list(words) and fits(meant, annotation):
            return f"perhaps you meant {_written(flag, meant)}"
    now = (
        [str(each) for part in held for each in (part if isinstance(part, tuple) else (part,))]
        if isinstance(held, tuple)
        else [str(held)]
    )
    example = now if now and now != ["None"] else _example(annotation)
    none = f", or {flag}=() for none" if _any_number(annotation) else ""
    return f"for example {_written(flag, example)}{none}"


def _meanings(text: str, annotation: Any) -> Iterator[list[str]]:
    """Yields what a wrong value may have meant, the likelier first."""
    if not text:
        return
    bare = text.strip(" ;,'\"")
    yield [bare]
    yield [bare.replace(",", ".")]  # as in 0,001
    yield re.findall(SEPARATED, re.sub(r"(?<=\d)[x*](?=\d)", " ", bare))  # as in (32, 64), and 128x128
    if get_origin(annotation) is tuple:
        yield [bare] * len(get_args(annotation))  # one side of two
    options = [str(each) for part in _options(annotation) if get_origin(part) is Literal for each in get_args(part)]
    near = near_name(bare, options)
    yield from [[near]] if near else []
    yield from ([word] for word, others in OTHER_WORDS.items() if bare.lower() in others)
    number = bare.removesuffix("%")
    if _converts(number, float):
        yield [f"{float(number):.0f}" if number == bare and float(number).is_integer() else f"{float(number) / 100:g}"]


def _example(annotation: Any) -> list[str]:
    """Returns a value that fits a field."""
    kind = next((option for option in _options(annotation) if option is not NoneType), str)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        each = arguments if arguments[-1:] != (...,) else arguments[:1] * 2
        numbered = list(map(str, range(1, len(each) * row_width(each[0]) + 1)))
        return numbered if fits(numbered, kind) else [word for part in each for word in _example(part)]
    if origin is Literal:
        return [str(arguments[0])]
    base = arguments[0] if origin is Annotated else kind
    ranges = [mark for mark in getattr(kind, "__metadata__", ()) if isinstance(mark, Range)]
    if base in (int, float):
        return [next((text for text in ("1", "0.5", "0") if all(float(text) in range_ for range_ in ranges)), "1")]
    return ["True" if base is bool else "NAME"]


def _options(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _any_number(annotation: Any) -> bool:
    """Returns whether a field holds a tuple of any length."""
    return any(get_origin(option) is tuple and get_args(option)[-1:] == (...,) for option in _options(annotation))


def _written(flag: str, words: Sequence[str]) -> str:
    return f"{flag}={words[0]}" if len(words) == 1 else f"{flag} {' '.join(words)}"
