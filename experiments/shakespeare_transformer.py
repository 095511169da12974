"""The next character of Shakespeare's plays, by a transformer of nanoGPT's small CPU setting: 801,920 parameters.

Four layers of four heads, 128 wide, on windows of 64 characters, 2000 steps of 12. Measured: 1.6945 nats per character
on the whole test split (one seed), in 92 seconds of processor time. nanoGPT's README has 1.88 over 20 batches after as
many steps; the convolutions of shakespeare.py have 1.674 in 93 seconds (--epochs=2.12, one seed).

    python launch.py --config experiments/shakespeare_transformer.py
    python launch.py generate --workdir runs/shakespeare_transformer --prompt "ROMEO:" --tokens 500 --top_k 20
"""

from jaxflow import AdamW, Cosine, Experiment, LanguageModelling, Text, TimeSplit, TransformerDecoder


def get_config():
    return Experiment(
        data=Text(
            "tinyshakespeare.txt",
            length=64,
            split=TimeSplit(validation=0.0, test=0.1),
            download_hint="get https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        ),
        model=TransformerDecoder(layers=4, heads=4, width=128),
        problem=LanguageModelling(),
        optimizer=AdamW(
            learning_rate=1e-3,
            b2=0.99,
            weight_decay=0.1,
            schedule=Cosine(warmup_steps=100, final=0.1),
            clip_norm=1.0,
        ),
        batch_size=12,
        epochs=2000 * 12 / 15_686,
    )
