"""Pairs inputs with their masks: files of two folders that have the same name, but for what is said of it."""

import itertools
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jaxflow.data.folders.source import MaskedSource
from jaxflow.data.folders.split_folders import WORDS, splits_of
from jaxflow.data.reading.find import find_files, require_folder_of
from jaxflow.data.reading.formats import Kind, without_suffix
from jaxflow.data.splitting.written import check_evaluation, splits_named
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")

# Templates that are tried for each side, where files have no other half.
MAX_TEMPLATES = 6
# Where what a name says of its file may begin or end.
SEPARATOR = re.compile(r"[ ._-]+")


@dataclass(frozen=True)
class Pair:
    """An input and its mask.

    Attributes:
      input: path relative to the dataset's folder, with slashes.
      mask: the same.
      split: the split whose folder they lie in ("train", "validation", "test"); None where there are no such folders.
    """

    input: str
    mask: str
    split: str | None = None


class _Side(NamedTuple):
    """Inputs or masks: the setting that says what they are called, their folder, and what they are called there."""

    setting: str
    folder: str
    template: str

    def __str__(self) -> str:
        return self.folder if self.template == "{}" else f"{self.folder} (called {self.template})"


def find_pairs(folder: Path, kind: Kind, inputs: str, source: MaskedSource) -> list[Pair]:
    """Pairs inputs and masks that have the same path but for their folder, `input_name`, `mask_name` and the suffix.

    Args:
      folder: the folder of the dataset.
      kind: kind of the files.
      inputs: name of the folder of inputs.
      source: names the folder of masks, and what inputs and masks are called beside each other.

    Returns:
      The pairs in ascending order of the inputs.

    Raises:
      UserError: there are none, or a file is without its other half.
    """
    require_folder_of(folder, kind)
    one, two = sides = (
        _Side("input_name", inputs, source.input_name),
        _Side("mask_name", source.masks, source.mask_name),
    )
    if one[1:] == two[1:]:
        raise UserError(
            f"data.{kind.plural} and data.masks both name {inputs!r}, whose files would be their own masks; name the "
            "folder of masks, or say what masks are called in this one: --data.mask_name='{}_mask'"
        )
    found = find_files(folder, kind, source.follow_links)
    of = _by_key(folder, kind, found, sides)
    if not of[one] or not of[two]:
        for side in sides:
            if not of[side] and side.template.lower().endswith(kind.suffixes):
                setting, name = f"data.{side.setting}", without_suffix(side.template, kind)
                raise UserError(
                    f"no file of {folder / side.folder} is called {side.template} and a suffix: names in {setting} "
                    f"have none; write --{setting}='{name}'"
                )
        there = sorted({part for path in found for part in PurePosixPath(path).parts[:-1]})
        raise UserError(
            f"{folder} has no {kind.plural} in a folder '{two if of[one] else one}'; its folders are "
            f"{listed(there, 8) or 'none'}: name two of them by --data.{kind.plural} and --data.masks, with pairs such "
            f"as {inputs}/a and {source.masks}/a, or train/{inputs}/a and train/{source.masks}/a, of "
            f"{', '.join(sorted(kind.suffixes))}"
        )
    for side, other in ((one, two), (two, one)):
        alone = sorted(of[side].keys() - of[other].keys())
        if alone:
            raise UserError(
                f"{folder / of[side][alone[0]]} has no other half in '{other}' ({len(alone)} such of "
                f"{len(of[side])}); {_advice(alone[0], of, of[other])}"
            )
    splits = _official(list(of[one].values()), folder)
    pairs = [Pair(path, of[two][key], split) for (key, path), split in zip(of[one].items(), splits)]
    if len({pair.split is None for pair in pairs}) > 1:
        outside = next(pair.input for pair in pairs if pair.split is None)
        raise UserError(f"{folder} has folders of splits, and {outside} lies in none; put it into one")
    return sorted(pairs, key=lambda pair: pair.input)


def is_mask(path: str, source: MaskedSource) -> bool:
    """Returns whether a file, by its path below a folder, is a mask: it lies in their folder and is called so."""
    parent, _, name = path.rpartition("/")
    stems = (name[:end] for end, letter in enumerate(name) if letter == ".")  # .nii.gz is one suffix
    return source.masks in parent.split("/") and any(_key(stem, source.mask_name) for stem in stems)


def _by_key(folder: Path, kind: Kind, paths: Sequence[str], sides: Sequence[_Side]) -> dict[_Side, dict[str, str]]:
    """Returns the paths of each side by what an input and its mask share; files of neither are counted in a line."""
    of: dict[_Side, dict[str, str]] = {side: {} for side in sides}
    folders, unused = {side.folder for side in sides}, Counter[str]()
    most_exact = sorted(sides, key=lambda side: -len(side.template))  # in one folder any name is a plain one
    for path in paths:
        parts = PurePosixPath(path).parts
        within = next((part for part in parts[:-1] if part in folders), None)
        rest = without_suffix("/".join(part for part in parts if part != within), kind)
        keys = ((side, _key(rest, side.template)) for side in most_exact if side.folder == within)
        side, key = next((each for each in keys if each[1]), (None, None))
        if side is None or key is None:
            unused[_unused(within, sides)] += 1
        elif key in of[side]:
            raise UserError(f"{folder} has {of[side][key]} and {path}, one of which is too many; remove one")
        else:
            of[side][key] = path
    for why, count in unused.items():
        logger.info(f"not used: {count} {kind.plural} of {folder} that {why}")
    return of


def _unused(within: str | None, sides: Sequence[_Side]) -> str:
    """Returns why a file is of neither side."""
    if within is None:
        return f"lie neither in {' nor in '.join(side.folder for side in sides)}"
    return f"lie in {within} and are not called {' or '.join(side.template for side in sides if side.folder == within)}"


def _key(path: str, template: str) -> str | None:
    """Returns what an input and its mask share of a path without suffix; None where its name is no such."""
    before, after = template.split("{}")
    parent, slash, name = unicodedata.normalize("NFC", path).rpartition("/")
    fits = len(name) > len(before + after) and name.startswith(before) and name.endswith(after)
    return f"{parent}{slash}{name[len(before) : len(name) - len(after)]}" if fits else None


def _advice(alone: str, of: Mapping[_Side, Mapping[str, str]], others: Mapping[str, str]) -> str:
    """Returns what to do about a file without its other half: settings that pair more of them, or a name alike."""
    if all(side.template == "{}" for side in of):
        guess = dict(zip(of, _guess(*of.values())))
        flags = [f"--data.{side.setting}='{name}'" for side, name in guess.items() if name != "{}"]
        if flags:
            called = [next(path for key, path in of[side].items() if _key(key, name)) for side, name in guess.items()]
            return f"files such as {called[0]} and {called[1]} are paired by {' '.join(flags)}"
    alike = [path for key, path in others.items() if key.lower() == alone.lower()]
    return f"{alike[0]} differs from it by capitals alone: rename one" if alike else "add it or remove the file"


def _guess(inputs: Iterable[str], masks: Iterable[str]) -> tuple[str, str]:
    """Returns what inputs and masks are called, by the templates that pair most of them; the plain ones of equals."""
    names = [list(inputs), list(masks)]
    tried = [["{}", *_templates(of, other)] for of, other in (names, names[::-1])]
    keys = [
        {each: {key for name in of if (key := _key(name, each))} for each in each_side}
        for of, each_side in zip(names, tried)
    ]

    def count(guess: tuple[str, str]) -> tuple[int, int]:
        return len(keys[0][guess[0]] & keys[1][guess[1]]), -len("".join(guess))

    best = max(itertools.product(tried[0], tried[1]), key=count)
    return best if 2 * count(best)[0] > min(map(len, names)) else ("{}", "{}")


def _templates(paths: Sequence[str], others: Sequence[str]) -> list[str]:
    """Returns the likeliest templates of names: what begins or ends many at a separator, or is beside another name."""
    found, known = Counter[str](), {PurePosixPath(other).name for other in others}
    for path in paths:
        name = PurePosixPath(path).name
        for separator in SEPARATOR.finditer(name):
            found["{}" + name[separator.start() :]] += 1
            found[name[: separator.end()] + "{}"] += 1
        inside = [end for end in range(1, len(name)) if name[:end] in known][-1:]
        found.update("{}" + name[end:] for end in inside)
        inside = [start for start in range(1, len(name)) if name[start:] in known][:1]
        found.update(name[:start] + "{}" for start in inside)
    return [template for template, _ in found.most_common(MAX_TEMPLATES) if template.count("{}") == 1]


def _official(paths: Sequence[str], folder: Path) -> list[str | None]:
    """Returns the split whose folder each file lies in; a word in a folder's name is enough where all have one."""
    named: list[str | None] = []
    meant: dict[str, str] = {}
    parents = [PurePosixPath(path).parts[:-1] for path in paths]
    for prefixed in (True, False):
        meant = splits_of({part for parts in parents for part in parts}, prefixed)
        named = [next((part for part in parts if part in meant), None) for parts in parents]
        if None not in named and "train" in {meant[name] for name in named if name}:
            break
    words = splits_named(word for name in {*named} - {None} for word in WORDS.findall(str(name)))
    check_evaluation(words, f"the folders of {folder}")
    return [None if name is None else meant[name] for name in named]
