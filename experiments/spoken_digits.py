"""Spoken digits.

python launch.py --config experiments/spoken_digits.py
"""

from jaxflow import (
    CNN,
    Adam,
    AudioFolder,
    Classification,
    Cosine,
    Experiment,
    HoldOut,
    LogMel,
    Shift,
    SpecAugment,
    Standardize,
)


def get_config():
    return Experiment(
        data=AudioFolder(
            "data/spoken_digits",
            rate=8000,
            seconds=1.0,
            split=HoldOut(validation=0.1, test=0.2),
            origin="put recordings of https://github.com/Jakobovski/free-spoken-digit-dataset there",
        ),
        preprocess=(LogMel(mels=32, window=0.032, hop=0.016, offset=1e-4), Standardize()),
        augment=(Shift(0.1), SpecAugment(frequency=6, time=12)),
        model=CNN(widths=(16, 32, 64), pools=3, hidden=(), padding="SAME", norm="batch", dropout=0.25),
        problem=Classification(),
        optimizer=Adam(learning_rate=2e-3, schedule=Cosine()),
        batch_size=32,
        epochs=20,
    )
