"""Spoken digits: log-mel spectrograms and a small CNN, on 500 clips by two speakers of the Free Spoken Digit Dataset.

Test accuracy 0.977 +- 0.010 over five splits (`--data.split.seed` and `--seed` 0 to 4: 0.963, 0.990, 0.971, 0.981 and
0.981; guessing 0.12 at most). A speaker who was never heard is another task: trained on one, it has 0.411 of george's
digits right and 0.455 of jackson's, means of seeds 0, 1, 2; unheard_speaker.py has more. 37 to 43 seconds of processor
time with start and compilation; 89 to 152 seconds on two CPU cores that were busy with other work.

    python launch.py --config experiments/spoken_digits.py
    python launch.py predict --workdir runs/spoken_digits --input clip.wav
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
    SpecAugment,
    Standardize,
    TimeShift,
)


def get_config():
    return Experiment(
        data=AudioFolder(
            "data/spoken_digits",
            sample_rate=8000,
            split=HoldOut(validation=0.1, test=0.2),
            download_hint="put recordings of https://github.com/Jakobovski/free-spoken-digit-dataset there",
        ),
        preprocess=(LogMel(mels=32, window=0.032, hop=0.016, offset=1e-4), Standardize()),
        augment=(TimeShift(0.1), SpecAugment(freq_mask_width=6, time_mask_width=12)),
        model=CNN(widths=(16, 32, 64), pools=3, hidden=(), padding="SAME", norm="batch", dropout=0.25),
        problem=Classification(),
        optimizer=Adam(learning_rate=2e-3, schedule=Cosine()),
        batch_size=32,
        epochs=20,
    )
