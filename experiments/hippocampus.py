"""The hippocampus, front and back, in magnetic resonance scans: a class for each voxel."""

from jaxflow import (
    AdamW,
    Cosine,
    EncoderDecoder,
    Experiment,
    HoldOut,
    Segmentation,
    StandardizeEach,
    VolumeMasks,
)


def get_config():
    return Experiment(
        data=VolumeMasks(
            "data/hippocampus",
            size=(40, 56, 44),
            volumes="images",
            masks="labels",
            names=("background", "anterior", "posterior"),
            split=HoldOut(0.15, 0.25),
        ),
        preprocess=(StandardizeEach(),),
        model=EncoderDecoder(widths=(8, 16, 32)),
        problem=Segmentation(),
        optimizer=AdamW(learning_rate=3e-3, weight_decay=1e-2, schedule=Cosine()),
        batch_size=2,
        epochs=20,
        validate_epochs=5,
    )
