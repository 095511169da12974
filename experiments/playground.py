"""The playground's spiral, two arms of 250 points each, with a small MLP.

Test accuracy 0.970 for each of the seeds 0, 1, 2: 3 of 101 points are wrong, near the middle, where the arms meet. 13
seconds with start and compilation on two CPU cores.

    python launch.py --config experiments/playground.py
"""

from jaxflow import MLP, Adam, Classification, Cosine, Experiment, Playground, Standardize


def get_config():
    return Experiment(
        data=Playground("spiral", examples=500, noise=0.1),
        preprocess=(Standardize(),),
        model=MLP(hidden=(64, 64)),
        problem=Classification(),
        optimizer=Adam(learning_rate=1e-2, schedule=Cosine()),
        batch_size=32,
        epochs=100,
        log_every_steps=500,
        validate_every_epochs=20,
    )
