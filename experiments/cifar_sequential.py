"""The classic Keras workflow on CIFAR-10, layer by layer as Keras users write it.

It is the network of cifar_cnn.py, with the same initial parameters, program and results to the last bit.

    python launch.py --config experiments/cifar_sequential.py
    python launch.py --config experiments/cifar_sequential.py --model.layers.0.features=64 --model.layers.1=Gelu
"""

from jaxflow import TFDS, Adam, Classification, Experiment, Scale, Sequential, layers


def get_config():
    return Experiment(
        data=TFDS("cifar10", validation=0.1),
        preprocess=(Scale(0.0, 1.0),),
        model=Sequential(
            (
                layers.Conv(32),
                layers.Relu(),
                layers.MaxPool(2),
                layers.Conv(64),
                layers.Relu(),
                layers.MaxPool(2),
                layers.Conv(64),
                layers.Relu(),
                layers.Flatten(),
                layers.Dense(64),
                layers.Relu(),
                layers.Dense(),
            )
        ),
        problem=Classification(),
        optimizer=Adam(learning_rate=1e-3),
        batch_size=32,
        epochs=10,
        seed=0,
    )
