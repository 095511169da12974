"""Trained runs as they answer and write, read from their folders."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.dataset import restored_values
from jaxflow.data.folders.pairs import is_mask
from jaxflow.data.folders.source import MaskedSource
from jaxflow.data.texts.encode import TextEncoding
from jaxflow.deployment.predictor import Predictor
from jaxflow.deployment.sampling import (
    Decoder,
    LanguageModel,
    caching_decoder,
    is_cache_exact,
    recomputing_decoder,
    sliding_decoder,
)
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.training.trained import Trained, read_trained


def read_predictor(workdir: Path, checkpoint: str | None = None, experiment: Experiment | None = None) -> Predictor:
    """Reads a trained run as it answers.

    Args:
      workdir: the run folder.
      checkpoint: "last", "best" (by validation) or a step; None for the last, of a run with early stopping the best.
      experiment: stands in for the run's, where paths or the like differ from its folder's.

    Returns:
      The predictor, compiled for one device.

    Raises:
      UserError: there is no such run or checkpoint.
    """
    return predictor_of(read_trained(workdir, checkpoint, experiment))


def predictor_of(trained: Trained) -> Predictor:
    """Returns a trained run as it answers, compiled for one device."""
    program, variables = trained.program, trained.state.variables()
    step, table = program.compile_predict_step(), program.experiment.problem.prediction_table

    def predictions(inputs: Any) -> np.ndarray:
        return restored_values(np.asarray(step(variables, inputs)), program.target_shift)

    data = program.experiment.data
    masks = partial(is_mask, source=data) if isinstance(data, MaskedSource) else None
    follow_links = getattr(data, "follow_links", False)
    return Predictor(program.schema, trained.input_encoding, table, predictions, follow_links, masks)


def read_language_model(
    workdir: Path, checkpoint: str | None = None, experiment: Experiment | None = None
) -> LanguageModel:
    """Reads a trained run of problem LanguageModelling as it writes.

    Args:
      workdir: the run folder.
      checkpoint: as for `read_predictor`.
      experiment: as for `read_predictor`.

    Returns:
      The language model.

    Raises:
      UserError: there is no such run or checkpoint, or it is none of a language model.
    """
    trained = read_trained(workdir, checkpoint, experiment)
    program, encoding, variables = trained.program, trained.input_encoding, trained.state.variables()
    if not isinstance(encoding, TextEncoding) or not program.schema.target.dense_shape:
        problem = type(program.experiment.problem).__name__
        raise UserError(f"{workdir} is a run of {problem} and writes no text; name one of LanguageModelling on Text")
    window = program.schema.inputs.shape[0]

    def decoder(tokens: int) -> Decoder:
        recomputing = recomputing_decoder(
            lambda x: program.model.apply(variables, program.structure.transform(x), train=False)
        )
        if program.experiment.preprocess or not hasattr(program.model, "decode"):
            return recomputing
        caching = caching_decoder(program.model, variables)
        exact = is_cache_exact(program.model, window, tokens)
        return caching if exact else sliding_decoder(caching, recomputing)

    return LanguageModel(encoding.tokenizer, window, decoder)
