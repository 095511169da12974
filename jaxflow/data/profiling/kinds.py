"""What profiling does with each kind of inputs: the one table that a new kind is added to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.duplicates import thumbnails
from jaxflow.data.profiling.features import describe_features, summarize
from jaxflow.data.profiling.input_checks import check_audio, check_images, check_texts, check_vectors
from jaxflow.data.profiling.issue import Issue
from jaxflow.data.profiling.sample import Sample, chunks
from jaxflow.data.profiling.series import check_series, describe_series
from jaxflow.data.profiling.tokens import bag_of_words, describe_tokens
from jaxflow.data.profiling.waveforms import audio_statistics, spectrogram_images
from jaxflow.schema import Feature


def _nothing(*_: object) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class InputKind:
    """What profiling does with inputs of one kind.

    Attributes:
      statistics: (feature, sample of the training split) -> further statistics of the inputs, as JSON holds them.
      describe: (dataset, samples) -> further entries of the description, as JSON holds them.
      check: (dataset, samples) -> issues of the inputs.
      reduce: (examples, ...) inputs -> (examples, ...) floats, few of them, from which a simple model learns.
      repeatable: whether equal inputs may be different things by chance, as rows of numbers are.
      visual: whether inputs that look alike are looked for, by their thumbnails.
    """

    check: Callable[[Dataset, Mapping[str, Sample]], list[Issue]]
    statistics: Callable[[Feature, Sample], dict[str, Any]] = _nothing
    describe: Callable[[Dataset, Mapping[str, Sample]], dict[str, Any]] = _nothing
    reduce: Callable[[np.ndarray], np.ndarray] = np.asarray
    repeatable: bool = False
    visual: bool = False


def kind_of(dataset: Dataset) -> InputKind:
    """Returns the entry of a dataset's inputs."""
    return KINDS[dataset.schema.inputs.kind]


def _channel_means(feature: Feature, sample: Sample) -> dict[str, Any]:
    flat = sample.inputs.reshape(-1, sample.inputs.shape[-1])  # (pixel or voxel, channel)
    return {"mean": flat.mean(0, dtype=np.float64).tolist()}


def _clip_statistics(feature: Feature, sample: Sample) -> dict[str, Any]:
    measured = audio_statistics(sample.inputs, feature.sample_rate)
    return {"rate": feature.sample_rate, **{name: summarize(values) for name, values in measured.items()}}


def _middle_slices(volumes: np.ndarray) -> np.ndarray:
    return thumbnails(volumes[:, volumes.shape[1] // 2])


def _spectrogram_thumbnails(waves: np.ndarray) -> np.ndarray:
    pieces = [waves[part] for part in chunks(np.arange(len(waves)))]
    return np.concatenate([thumbnails(spectrogram_images(piece)) for piece in pieces])


KINDS = {
    "image": InputKind(check_images, _channel_means, reduce=thumbnails, visual=True),
    "volume": InputKind(check_images, _channel_means, reduce=_middle_slices),
    "audio": InputKind(check_audio, _clip_statistics, reduce=_spectrogram_thumbnails),
    "tokens": InputKind(check_texts, describe=describe_tokens, reduce=bag_of_words),
    "series": InputKind(check_series, describe=describe_series, repeatable=True),
    "vector": InputKind(check_vectors, describe=describe_features, repeatable=True),
}
