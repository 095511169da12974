"""Text that a language model writes."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.data.texts.encode import TextEncoding
from jaxflow.data.texts.tokenizers import END
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.training.trained import read_trained


def generate(
    workdir: str | Path,
    prompts: Sequence[str],
    *,
    tokens: int = 200,
    temperature: float = 0.8,
    seed: int = 0,
    checkpoint: str = "last",
    experiment: Experiment | None = None,
) -> list[str]:
    """Goes on with texts as a trained language model would.

    Args:
      workdir: a trained run of problem LanguageModelling.
      prompts: how each text begins; the model sees the last of it that fits into its window.
      tokens: how many tokens are written at most; a text ends where the model ends it.
      temperature: what logits are divided by: 1 draws as the model says, less takes likely tokens more often, and 0
        always takes the most likely one.
      seed: another number draws other texts.
      checkpoint: "last", "best" (by validation) or a step.
      experiment: the run's own, where paths or the like differ from its folder's.

    Returns:
      What comes after each prompt.

    Raises:
      UserError: the run is none of a language model, or a number makes no sense.
    """
    if tokens < 1:
        raise UserError(f"--tokens is {tokens}; it must be 1 or more")
    if not 0 <= temperature < float("inf"):
        raise UserError(f"--temperature is {temperature}; it must be 0 or more")
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed is {seed}; it must be in 0..2**32-1")
    trained = read_trained(Path(workdir), checkpoint, experiment)
    program, encoding = trained.program, trained.input_encoding
    if not isinstance(encoding, TextEncoding) or not program.schema.target.dense_shape:
        problem = type(program.experiment.problem).__name__
        raise UserError(f"{workdir} is a run of {problem} and writes no text; name one of LanguageModelling on Text")
    length = program.schema.inputs.shape[0]
    begun = [encoding.tokenizer.encode(prompt)[-length:] for prompt in prompts]
    begun = [ids if len(ids) else np.array([END], np.int32) for ids in begun]
    window = np.stack([np.pad(ids, (0, length - len(ids)), constant_values=END) for ids in begun])
    known = np.array([len(ids) for ids in begun], np.int32)
    variables = trained.state.variables()

    def logits_of(inputs: jax.Array) -> jax.Array:
        return program.model.apply(variables, program.transform(inputs), train=False)

    write = jax.jit(partial(sample_tokens, logits_of, count=tokens))
    written = np.asarray(write(window, known, key=jax.random.key(seed), temperature=temperature))
    ended = [row[: np.argmax(row == END) if (row == END).any() else len(row)] for row in written]
    return [encoding.tokenizer.decode(row.tolist()) for row in ended]


def sample_tokens(
    logits_of: Callable[[jax.Array], jax.Array],
    window: jax.Array,
    known: jax.Array,
    *,
    count: int,
    key: jax.Array,
    temperature: float | jax.Array,
) -> jax.Array:
    """Draws tokens one after the other, each given those before it; pure.

    Args:
      logits_of: (batch, time) tokens -> (batch, time, tokens) logits of the next ones.
      window: (batch, time) int32, what is known of each text at its beginning.
      known: (batch,) int32, how many tokens that is, 1 or more. A full window moves on by one token.
      count: how many tokens are drawn.
      key: random key.
      temperature: what logits are divided by; 0 takes the most likely token.

    Returns:
      (batch, count) int32 tokens.
    """
    rows, length = jnp.arange(len(window)), window.shape[1]

    def draw(carry: tuple[jax.Array, jax.Array], step: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        window, known = carry
        logits = logits_of(window)[rows, known - 1]  # (batch, tokens)
        likely = logits.argmax(axis=-1)
        drawn = jax.random.categorical(jax.random.fold_in(key, step), logits / jnp.maximum(temperature, 1e-6))
        token = jnp.where(temperature > 0, drawn, likely).astype(window.dtype)
        moved = jnp.where((known == length)[:, None], jnp.roll(window, -1, axis=1), window)
        known = jnp.minimum(known + 1, length)
        return (moved.at[rows, known - 1].set(token), known), token

    _, tokens = jax.lax.scan(draw, (jnp.asarray(window), jnp.asarray(known)), jnp.arange(count))
    return tokens.T  # (count, batch) -> (batch, count)
