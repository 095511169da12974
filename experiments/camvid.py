"""Road scenes, a class for each pixel: a small convolutional encoder and decoder.

python launch.py --config experiments/camvid.py --data.path=camvid
python launch.py predict --workdir runs/camvid --input new_scenes/
"""

from jaxflow import (
    AdamW,
    Affine,
    ColorJitter,
    Cosine,
    EncoderDecoder,
    Experiment,
    Flip,
    ImageMasks,
    Scale,
    Segmentation,
)

NAMES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")


def get_config():
    return Experiment(
        data=ImageMasks("data/camvid", size=(120, 160), names=NAMES, void=11),
        preprocess=(Scale(0.0, 1.0),),
        augment=(Flip(), Affine(5.0, 0.3), ColorJitter(0.4, 0.4, 0.4)),
        model=EncoderDecoder(widths=(16, 32, 64, 64)),
        problem=Segmentation(),
        optimizer=AdamW(learning_rate=3e-3, weight_decay=1e-2, schedule=Cosine()),
        batch_size=4,
        epochs=40,
        validate_epochs=5,
    )
