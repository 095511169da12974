"""What a dataset of tokens holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.texts.encode import TextEncoding
from jaxflow.data.texts.tokenizers import END, UNKNOWN, CharacterTokenizer

# Texts that are shown.
SHOWN = 5


def token_names(dataset: Dataset) -> list[str]:
    """Names the tokens, by number where the source has no names."""
    if isinstance(dataset.input_encoding, TextEncoding):
        return list(dataset.input_encoding.tokenizer.vocabulary)
    return [str(token) for token in range(dataset.schema.inputs.vocab_size)]


def count_tokens(inputs: np.ndarray, tokens: int) -> np.ndarray:
    """Counts how often each token is there, END apart; (examples, length) -> (tokens,)."""
    counts = np.bincount(inputs.ravel(), minlength=tokens)
    counts[END] = 0
    return counts


def lengths(inputs: np.ndarray) -> np.ndarray:
    """Counts the tokens of each example up to its padding; (examples, length) -> (examples,)."""
    there = inputs != END
    return np.where(there.any(1), inputs.shape[1] - there[:, ::-1].argmax(1), 0)


def unknown_share(dataset: Dataset, inputs: np.ndarray) -> float:
    """Computes which share of the tokens the training text does not know."""
    encoding = dataset.input_encoding
    if not isinstance(encoding, TextEncoding) or not isinstance(encoding.tokenizer, CharacterTokenizer):
        return 0.0  # bytes know everything
    return float((inputs == UNKNOWN).sum() / max((inputs != END).sum(), 1))


def describe_tokens(dataset: Dataset, samples: Mapping[str, Any]) -> dict[str, Any]:
    """Describes texts.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.

    Returns:
      Numbers that JSON holds: "tokens", how many there are, how long examples are and how much is unknown, by split;
      and "texts", some of the training split.
    """
    long = {split: lengths(sample.inputs) for split, sample in samples.items()}
    numbers: dict[str, Any] = {
        "tokens": {
            "vocabulary": dataset.schema.inputs.vocab_size,
            "mean_length": {split: float(counts.mean()) for split, counts in long.items()},
            "unknown": {split: unknown_share(dataset, sample.inputs) for split, sample in samples.items()},
        }
    }
    encoding, train, target = dataset.input_encoding, samples["train"], dataset.schema.target
    if isinstance(encoding, TextEncoding):
        rows = np.linspace(0, len(train.inputs) - 1, min(SHOWN, len(train.inputs)), dtype=int)
        numbers["texts"] = [
            {
                "id": dataset.splits["train"].id(int(train.indices[row])),
                **({} if target.dense_shape or target.kind != "class" else {"class": target.names[train.targets[row]]}),
                "text": encoding.tokenizer.decode(train.inputs[row]),
            }
            for row in rows
        ]
    return numbers


def bag_of_words(inputs: np.ndarray, most: int = 300) -> np.ndarray:
    """Counts the most frequent tokens in each example: a simple model's inputs.

    Args:
      inputs: (examples, length) tokens.
      most: how many tokens are counted.

    Returns:
      (examples, tokens) float32.
    """
    counts = np.bincount(inputs.ravel())
    counts[END] = 0
    kept = np.argsort(-counts, kind="stable")[:most]
    place = np.full(len(counts), most)
    place[kept] = np.arange(len(kept))
    counted = np.zeros((len(inputs), most + 1), np.float32)
    np.add.at(counted, (np.arange(len(inputs))[:, None], place[inputs]), 1)
    return counted[:, : len(kept)]


def is_language_modelling(dataset: Dataset) -> bool:
    """Whether the targets are the next tokens of the inputs."""
    return dataset.schema.inputs.kind == "tokens" and bool(dataset.schema.target.dense_shape)
