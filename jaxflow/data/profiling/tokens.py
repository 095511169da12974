"""Texts: which tokens they hold, how long they are, how much of them is unknown."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset, name_of
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.texts.encode import SentenceEncoding, TextEncoding
from jaxflow.data.texts.tokenizers import END, UNKNOWN, CharacterTokenizer
from jaxflow.data.texts.words import WordTokenizer

OF_TEXTS, WITH_UNKNOWN = (TextEncoding, SentenceEncoding), (CharacterTokenizer, WordTokenizer)

# Texts that are described.
MAX_TEXTS = 5


def token_names(dataset: Dataset) -> list[str]:
    """Returns the names of the tokens; their indices where the source has no names."""
    if isinstance(dataset.input_encoding, OF_TEXTS):
        return list(dataset.input_encoding.tokenizer.vocabulary)
    return [str(token) for token in range(dataset.schema.inputs.vocab_size)]


def count_tokens(inputs: np.ndarray, tokens: int) -> np.ndarray:
    """Counts how often each token occurs, END apart; (examples, length) -> (tokens,)."""
    counts = np.bincount(inputs.ravel(), minlength=tokens)
    counts[END] = 0
    return counts


def lengths(inputs: np.ndarray) -> np.ndarray:
    """Counts the tokens of each example up to its padding; (examples, length) -> (examples,)."""
    present = inputs != END
    return np.where(present.any(1), inputs.shape[1] - present[:, ::-1].argmax(1), 0)


def unknown_fraction(dataset: Dataset, inputs: np.ndarray) -> float:
    """Computes the fraction of the tokens that the training text does not have."""
    encoding = dataset.input_encoding
    if not isinstance(encoding, OF_TEXTS) or not isinstance(encoding.tokenizer, WITH_UNKNOWN):
        return 0.0  # bytes know everything
    return float((inputs == UNKNOWN).sum() / max((inputs != END).sum(), 1))


def describe_tokens(dataset: Dataset, samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Describes texts.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.

    Returns:
      Values that JSON holds: "tokens", how many there are, how long examples are and how much is unknown, by split;
      and "texts", some of the training split.
    """
    counts = {split: lengths(sample.inputs) for split, sample in samples.items()}
    described: dict[str, Any] = {
        "tokens": {
            "vocabulary": dataset.schema.inputs.vocab_size,
            "mean_length": {split: float(count.mean()) for split, count in counts.items()},
            "unknown": {split: unknown_fraction(dataset, sample.inputs) for split, sample in samples.items()},
        }
    }
    encoding, train, target = dataset.input_encoding, samples["train"], dataset.schema.target
    if isinstance(encoding, OF_TEXTS):
        rows = np.linspace(0, len(train.inputs) - 1, min(MAX_TEXTS, len(train.inputs)), dtype=int)
        described["texts"] = [
            {
                "id": name_of(dataset.splits["train"], int(train.indices[row])),
                **({} if target.dense_shape or target.kind != "class" else {"class": target.names[train.targets[row]]}),
                "text": encoding.tokenizer.decode(train.inputs[row]),
            }
            for row in rows
        ]
    return described


def bag_of_words(inputs: np.ndarray, size: int = 300) -> np.ndarray:
    """Counts the most frequent tokens in each example: a simple model's inputs.

    Args:
      inputs: (examples, length) tokens.
      size: how many tokens are counted.

    Returns:
      (examples, tokens) float32.
    """
    counts = np.bincount(inputs.ravel())
    counts[END] = 0
    frequent = np.argsort(-counts, kind="stable")[:size]
    column = np.full(len(counts), size)  # all others are counted in a last column
    column[frequent] = np.arange(len(frequent))
    bag = np.zeros((len(inputs), size + 1), np.float32)
    np.add.at(bag, (np.arange(len(inputs))[:, None], column[inputs]), 1)
    return bag[:, : len(frequent)]


def is_language_modelling(dataset: Dataset) -> bool:
    """Returns whether the targets are the next tokens of the inputs."""
    inputs, target = dataset.schema.inputs, dataset.schema.target
    return inputs.kind == "tokens" and bool(target.dense_shape) and len(target.names) == inputs.vocab_size
