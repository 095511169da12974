"""Checks of inputs, by their kind: blank images, silent clips, unknown characters, features that tell the target."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import correlations, each_target, feature_names, one_hot
from jaxflow.data.profiling.issue import MAX_IDS, Issue
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.profiling.telling import order_of_rows, telling_columns
from jaxflow.data.profiling.tokens import is_language_modelling, lengths, unknown_fraction
from jaxflow.data.profiling.waveforms import audio_statistics
from jaxflow.data.tables.encode import TableEncoding
from jaxflow.data.tables.encoders import NumberEncoder
from jaxflow.data.texts.tokenizers import BPETokenizer

MUCH_MISSING = 0.3
MUCH_UNKNOWN = 0.01
MUCH_TRUNCATED = 0.1
# Peak of a clip in which nothing can be heard (-60 decibels), and fraction of samples at full scale of a spoilt one.
SILENT, CLIPPED = 1e-3, 1e-3
# Correlation with the target of a feature that tells it, and between two features of which one is enough.
TELLING, REDUNDANT = 0.95, 0.98


def check_images(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    """Finds images, or volumes, without contrast."""
    flat = 2 if dataset.schema.inputs.dtype == "uint8" else 1e-6  # standard deviations
    blank = [
        dataset.splits[name].id(int(sample.indices[row]))
        for name, sample in samples.items()
        for row in np.flatnonzero(sample.inputs.reshape(len(sample.inputs), -1).std(1) < flat)
    ]
    if not blank:
        return []
    message = f"{len(blank)} {dataset.schema.inputs.kind}s show nothing"
    return [Issue("problem", message, "leave them out, or find the originals", tuple(blank[:MAX_IDS]))]


def check_audio(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    """Finds clips that are silent or clipped."""
    silent, clipped = [], []
    for name, sample in samples.items():
        measured = audio_statistics(sample.inputs, dataset.schema.inputs.sample_rate)
        for ids, odd in ((silent, measured["peak"] < SILENT), (clipped, measured["clipped"] > CLIPPED)):
            ids += [dataset.splits[name].id(int(index)) for index in sample.indices[odd]]
    issues = []
    if silent:
        message, advice = f"{len(silent)} clips are silent", "leave them out, or find the originals"
        issues.append(Issue("problem", message, advice, tuple(silent[:MAX_IDS])))
    if clipped:
        message = f"{len(clipped)} clips are at full scale for more than {CLIPPED:.1%} of their samples"
        advice = "they were recorded too loud, and are distorted: listen to them"
        issues.append(Issue("note", message, advice, tuple(clipped[:MAX_IDS])))
    return issues


def check_vectors(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    """Finds features that tell the target, that hold outliers, are often missing, or repeat each other."""
    sample = samples["train"]
    if sample.inputs.ndim != 2:
        return []
    inputs, names = sample.inputs.astype(np.float64), feature_names(dataset)
    issues, told = [], set()
    for called, target in each_target(dataset, sample.targets).items():
        for name, strength in zip(names, correlations(inputs, one_hot(dataset, target))):
            if strength > TELLING:
                message = f"{name} all but tells {called} (correlation {strength:.3f})"
                issues.append(Issue("leak", message, "ask whether it is known before the target is; if not, drop it"))
                told.add(called)
    issues += telling_columns(dataset, sample, told)
    issues += order_of_rows(dataset, sample)
    low, middle, high = np.quantile(inputs, (0.25, 0.5, 0.75), axis=0)
    far = (np.abs(inputs - middle) > 10 * (high - low)) & (high > low)
    for name, count in zip(names, far.sum(0)):
        if count:
            message = f"{count} values of {name} lie more than ten quartile ranges from its median"
            issues.append(Issue("note", message, "look whether they are mistakes; Number(winsorize=0.01) bounds them"))
    columns = dataset.input_encoding.columns if isinstance(dataset.input_encoding, TableEncoding) else ()
    for column in columns:
        if column.missing_fraction > MUCH_MISSING:
            message = f"{column.name} is missing in {column.missing_fraction:.0%} of the training rows"
            # A missing category is one of its own; a date has a feature that says that it is missing.
            keeps = "Number(indicator=True) keeps it" if isinstance(column, NumberEncoder) else "the model sees it"
            issues.append(Issue("note", message, f"ask why; where it says something, {keeps}"))
    made_of = [column.name for column in columns for _ in column.names]
    return issues + _redundant_features(inputs, middle, names, made_of if len(made_of) == len(names) else names)


def _redundant_features(
    inputs: np.ndarray, medians: np.ndarray, names: Sequence[str], made_of: Sequence[str]
) -> list[Issue]:
    """Finds features of two columns that say the same: what one column was made into nobody can leave out."""
    # Features that differ from their median in a few rows only correlate by chance.
    varied = np.flatnonzero((inputs != medians).sum(0) >= 10)
    pairs = np.corrcoef(inputs[:, varied].T) if len(varied) > 1 else np.ones((1, 1))
    issues = []
    for one, other in zip(*np.where(np.triu(np.abs(pairs), 1) > REDUNDANT)):
        if made_of[varied[one]] == made_of[varied[other]]:
            continue
        first, second = names[varied[one]], names[varied[other]]
        message = f"{first} and {second} say the same (correlation {pairs[one, other]:.3f})"
        issues.append(Issue("note", message, "one of them is enough"))
    return issues


def check_texts(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    """Finds splits with unknown characters, and texts that are truncated."""
    issues = []
    for name, sample in samples.items():
        unknown = unknown_fraction(dataset, sample.inputs)
        if unknown > 0:
            issues.append(
                Issue(
                    "problem" if unknown > MUCH_UNKNOWN else "note",
                    f"{unknown:.2%} of the tokens of {name} are characters that the training split does not have",
                    "use Bytes() or BPE(), which know all, or look whether the splits are of one kind",
                )
            )
    if not is_language_modelling(dataset):
        inputs = samples["train"].inputs
        full = float((lengths(inputs) == inputs.shape[1]).mean())
        if full > MUCH_TRUNCATED:
            message = f"{full:.0%} of the training texts fill all {inputs.shape[1]} tokens, and the rest is truncated"
            bpe = isinstance(getattr(dataset.input_encoding, "tokenizer", None), BPETokenizer)
            more = "a larger size of BPE" if bpe else "tokens that hold more: BPE()"
            issues.append(Issue("note", message, f"give a larger data.length, or {more}"))
    return issues
