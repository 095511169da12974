"""The hippocampus, front and back, in magnetic resonance scans: a 3-D U-Net; hippocampus.py is the same with LinkNet.

Test Dice 0.878 +- 0.005 over seeds 0, 1, 2, the mean over the three classes, in 241 seconds of processor time. LinkNet
has 0.876 +- 0.006 in 199 seconds (58 epochs): at equal time neither is better.

    python launch.py --config experiments/hippocampus_unet.py --data.path=hippocampus
    python launch.py predict --workdir runs/hippocampus_unet --input new_scans/
"""

from jaxflow import (
    AdamW,
    Cosine,
    Experiment,
    HoldOut,
    Segmentation,
    StandardizePerExample,
    UNet,
    VolumeMasks,
    losses,
)


def get_config():
    return Experiment(
        data=VolumeMasks(
            "data/hippocampus",
            size=(40, 56, 44),
            names=("background", "anterior", "posterior"),
            volumes="images",
            masks="labels",
            split=HoldOut(validation=0.15, test=0.25),
            download_hint="get Task04_Hippocampus of medicaldecathlon.com",
        ),
        preprocess=(StandardizePerExample(),),
        model=UNet(widths=(8, 16, 32, 32), convolutions=1),
        problem=Segmentation(loss=losses.CrossEntropy(class_weights=(1.0, 4.0, 4.0))),
        optimizer=AdamW(learning_rate=1e-2, weight_decay=1e-2, schedule=Cosine()),
        batch_size=2,
        epochs=40,
        validate_every_epochs=5,
    )
