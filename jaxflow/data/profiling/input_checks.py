"""What is odd about inputs, by their kind: blank pictures, silent clips, unknown characters, telling features."""

from collections.abc import Mapping

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.describe import Sample, correlations, feature_names
from jaxflow.data.profiling.issue import SHOWN, Issue
from jaxflow.data.profiling.tokens import is_language_modelling, lengths, unknown_share
from jaxflow.data.profiling.waveforms import audio_statistics
from jaxflow.data.tables.encode import TableEncoding

MUCH_MISSING = 0.3
MUCH_UNKNOWN = 0.01
MUCH_CUT = 0.1
# Peak of a clip in which nothing is to be heard (-60 decibels), and share of samples at full scale of a spoilt one.
SILENT, CLIPPED = 1e-3, 1e-3


def odd_inputs(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    """Looks at what inputs hold.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.

    Returns:
      Findings, in no order.
    """
    kind, train = dataset.schema.inputs.kind, samples["train"]
    if kind == "image":
        return _blank_images(dataset, samples)
    if kind == "volume":
        return _blank_images(dataset, samples) + _units(train)
    if kind == "audio":
        return _odd_clips(dataset, samples)
    if kind == "tokens":
        return _odd_texts(dataset, samples)
    return _odd_features(dataset, train) if train.inputs.ndim == 2 else []


def _blank_images(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    flat = 2 if dataset.schema.inputs.dtype == "uint8" else 1e-6  # standard deviations
    blank = [
        dataset.splits[name].id(int(sample.indices[row]))
        for name, sample in samples.items()
        for row in np.flatnonzero(sample.inputs.reshape(len(sample.inputs), -1).std(1) < flat)
    ]
    if not blank:
        return []
    what = f"{len(blank)} {dataset.schema.inputs.kind}s show nothing"
    return [Issue("problem", what, "leave them out, or find the originals", tuple(blank[:SHOWN]))]


def _units(sample: Sample) -> list[Issue]:
    """Looks whether volumes are in different units."""
    spans = np.ptp(sample.inputs.reshape(len(sample.inputs), -1), axis=1)
    least, most = spans[spans > 0].min(initial=np.inf), spans.max()
    if most < 10 * least:
        return []
    return [Issue("problem", f"the values of one volume span {most:.4g}, those of another {least:.4g}",
                    "scans differ in their units: use preprocess=(StandardizePerExample(),)")]  # fmt: skip


def _odd_clips(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    silent, clipped = [], []
    for name, sample in samples.items():
        measured = audio_statistics(sample.inputs, dataset.schema.inputs.sample_rate)
        for ids, odd in ((silent, measured["peak"] < SILENT), (clipped, measured["clipped"] > CLIPPED)):
            ids += [dataset.splits[name].id(int(index)) for index in sample.indices[odd]]
    findings = []
    if silent:
        findings.append(Issue("problem", f"{len(silent)} clips are silent", "leave them out, or find the originals",
                                tuple(silent[:SHOWN])))  # fmt: skip
    if clipped:
        what = f"{len(clipped)} clips are at full scale for more than {CLIPPED:.1%} of their samples"
        findings.append(Issue("note", what, "they were recorded too loud, and are distorted: listen to them",
                                tuple(clipped[:SHOWN])))  # fmt: skip
    return findings


def _odd_features(dataset: Dataset, sample: Sample) -> list[Issue]:
    inputs, names = sample.inputs.astype(np.float64), feature_names(dataset)
    findings = []
    for name, strength in zip(names, correlations(dataset, inputs, sample.targets)):
        if strength > 0.95:
            what = f"{name} all but tells the target (correlation {strength:.3f})"
            findings.append(Issue("leak", what, "ask whether it is known before the target is; if not, drop it"))
    low, middle, high = np.quantile(inputs, (0.25, 0.5, 0.75), axis=0)
    far = (np.abs(inputs - middle) > 10 * (high - low)) & (high > low)
    for name, count in zip(names, far.sum(0)):
        if count:
            what = f"{count} values of {name} lie more than ten quartile ranges from its median"
            findings.append(Issue("note", what, "look whether they are mistakes; Number(winsorize=0.01) bounds them"))
    columns = dataset.input_encoding.columns if isinstance(dataset.input_encoding, TableEncoding) else ()
    for column in columns:
        if column.missing_fraction > MUCH_MISSING:
            what = f"{column.name} is missing in {column.missing_fraction:.0%} of the training rows"
            findings.append(Issue("note", what, "ask why; where it says something, Number(indicator=True) keeps it"))
    # Columns that differ from their median in a few rows only go together by chance.
    varied = np.flatnonzero((inputs != middle).sum(0) >= 10)
    pairs = np.corrcoef(inputs[:, varied].T) if len(varied) > 1 else np.ones((1, 1))
    for one, other in zip(*np.where(np.triu(np.abs(pairs), 1) > 0.98)):
        first, second = names[varied[one]], names[varied[other]]
        if (
            first.partition(" = ")[0] != second.partition(" = ")[0]
        ):  # the columns of one category make up for each other
            what = f"{first} and {second} say the same (correlation {pairs[one, other]:.3f})"
            findings.append(Issue("note", what, "one of them is enough"))
    return findings


def _odd_texts(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    findings = []
    for name, sample in samples.items():
        share = unknown_share(dataset, sample.inputs)
        if share > 0:
            findings.append(
                Issue("problem" if share > MUCH_UNKNOWN else "note",
                        f"{share:.2%} of the tokens of {name} are characters that the training split does not have",
                        "use Bytes() or BPE(), which know all, or look whether the splits are of one kind")
            )  # fmt: skip
    if not is_language_modelling(dataset):
        inputs = samples["train"].inputs
        cut = float((lengths(inputs) == inputs.shape[1]).mean())
        if cut > MUCH_CUT:
            what = f"{cut:.0%} of the training texts fill all {inputs.shape[1]} tokens, and the rest of them is cut off"
            findings.append(Issue("note", what, "give a larger data.length, or tokens that hold more: BPE()"))
    return findings
