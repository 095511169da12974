"""Dogs vs. Cats: a small CNN on photographs of any size.

TODO

    python launch.py --config experiments/dogs_vs_cats.py
    python launch.py predict --workdir runs/dogs_vs_cats --input data/dogs-vs-cats/test1 --submission dog \
        --output submission.csv
"""

from jaxflow import CNN, Adam, Classification, Cosine, Crop, Experiment, Flip, ImageFolder, Scale


def get_config():
    return Experiment(
        data=ImageFolder(
            "data/dogs-vs-cats",
            size=(64, 64),
            origin="unpack train.zip and test1.zip of https://www.kaggle.com/c/dogs-vs-cats/data there",
        ),
        preprocess=(Scale(-1.0, 1.0),),
        augment=(Flip(), Crop(4)),
        model=CNN(widths=(32, 64, 64, 64), pools=4, hidden=(64,), padding="SAME", norm="batch", dropout=0.5),
        problem=Classification(),
        optimizer=Adam(learning_rate=1e-3, schedule=Cosine()),
        batch_size=32,
        epochs=30,
    )
