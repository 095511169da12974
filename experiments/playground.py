"""The playground's spiral, two arms of 250 points each, with a small MLP.

Test accuracy 0.9931 +- 0.0002 over seeds 0 to 4, on 10,000 points along the arms that are drawn anew: what is wrong is
near the middle, where the arms meet. 13 seconds with start and compilation on two CPU cores.

    python launch.py --config experiments/playground.py
"""

from jaxflow import MLP, Adam, Classification, Cosine, Experiment, HoldOut, Playground, Standardize


def get_config():
    return Experiment(
        data=Playground("spiral", examples=500, noise=0.1, test_examples=10_000, split=HoldOut(0.1, test=0.0)),
        preprocess=(Standardize(),),
        model=MLP(hidden=(64, 64)),
        problem=Classification(),
        optimizer=Adam(learning_rate=1e-2, schedule=Cosine()),
        batch_size=32,
        epochs=100,
        log_every_steps=500,
        validate_every_epochs=20,
    )
