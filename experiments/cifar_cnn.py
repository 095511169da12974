"""The classic Keras workflow on CIFAR-10: three convolutions, Adam, ten epochs."""

from jaxflow import CNN, Adam, Classification, Experiment, Scale, Tfds


def get_config():
    return Experiment(
        data=Tfds("cifar10", validation=0.1),
        preprocess=(Scale(0.0, 1.0),),
        model=CNN(widths=(32, 64, 64), hidden=(64,)),
        problem=Classification(),
        optimizer=Adam(learning_rate=1e-3),
        batch_size=32,
        epochs=10,
        seed=0,
    )
