"""A small CNN on scikit-learn's 1,797 handwritten digits, which need no network.

Test accuracy 0.991 (0.989 to 0.992 over seeds 0 to 4), 14 seconds with start and compilation on two CPU cores.

    python launch.py --config experiments/digits_cnn.py
"""

from jaxflow import CNN, Adam, Classification, Cosine, Digits, Experiment, Scale


def get_config():
    return Experiment(
        data=Digits(),
        preprocess=(Scale(0.0, 1.0),),
        model=CNN(widths=(32, 64), pools=1, hidden=(64,), padding="SAME", dropout=0.25),
        problem=Classification(),
        optimizer=Adam(learning_rate=2e-3, schedule=Cosine()),
        batch_size=32,
        epochs=20,
    )
