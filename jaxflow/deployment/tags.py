"""Tags of new sentences, a row for each token."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxflow.data.inference_inputs import rows_of_block
from jaxflow.data.texts.encode import SentenceEncoding, encode_sentences
from jaxflow.deployment.predictor import Predictor
from jaxflow.errors import UserError

# What a sentence's tokens and tags are called.
Columns = Mapping[str, Sequence[Any]]


def tag_sentences(
    predictor: Predictor, encoding: SentenceEncoding, source: Path, bad: list[str] | None = None
) -> Iterator[Columns]:
    """Predicts a tag for each token of new sentences, of which one block is in memory at a time.

    Args:
      predictor: the model.
      encoding: its encoding.
      source: as `encode_sentences` takes it.
      bad: gets what is wrong with each sentence that is too long, which is left out; None raises it instead.

    Yields:
      Columns by name, a row for each token: the sentence's id, the token and its predicted tag.

    Raises:
      UserError: the source holds no sentences, one is too long, or none can be predicted.
    """
    feature, names, written = predictor.schema.inputs, predictor.schema.target.names, False
    for inputs, ids, sentences in encode_sentences(encoding, source, feature, rows_of_block(feature), bad):
        predicted = predictor.predict(inputs, ids)  # (sentence, time)
        yield {
            "id": [id_ for id_, tokens in zip(ids, sentences) for _ in tokens],
            "token": list(itertools.chain.from_iterable(sentences)),
            "prediction": [names[tag] for row, tokens in zip(predicted, sentences) for tag in row[: len(tokens)]],
        }
        written = True
    if not written:
        raise UserError(f"none of the {len(bad or ())} sentences of {source} can be predicted: {(bad or [''])[0]}")


def as_sentence(columns: Columns) -> str:
    """Returns the tokens of one sentence with their tags: "line 1: Ada/B-PER sings/O"."""
    pairs = " ".join(f"{token}/{tag}" for token, tag in zip(columns["token"], columns["prediction"]))
    return f"{columns['id'][0]}: {pairs}"
