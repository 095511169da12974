"""The next character of Shakespeare's plays, by gated causal convolutions of 595,395 parameters.

@RESULT@

    python launch.py --config experiments/shakespeare.py
    python launch.py generate --workdir runs/shakespeare --prompt "ROMEO:" --tokens 500
"""

from jaxflow import AdamW, CausalCNN, Cosine, Experiment, InTime, LanguageModelling, Text


def get_config():
    return Experiment(
        data=Text(
            "tinyshakespeare.txt",
            length=128,
            split=InTime(validation=0.0, test=0.1),
            origin="get https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        ),
        model=CausalCNN(width=128, dilations=(1, 2, 4, 8, 16, 32, 64)),
        problem=LanguageModelling(),
        optimizer=AdamW(learning_rate=3e-3, weight_decay=0.1, schedule=Cosine(warmup_steps=100), clip_norm=1.0),
        batch_size=32,
        epochs=3,
    )
