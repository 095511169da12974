"""94% on CIFAR-10 in seconds on one large GPU, in the manner of Keller Jordan's airbench94_muon.

Not measured yet: nothing of this has been on a GPU. The original reports a mean of 94.01% over 200 runs of 2.59 seconds
on an A100. Learning rates are its own times the batch, since gradients are means here and sums there. Unlike there the
whitening's bias trains to the end, and GELU is the tanh approximation. All 50,000 training images are trained on, so
there is no validation: the test split is looked at once, at the end.

    python launch.py --config experiments/cifar_speedrun.py
    python -m benchmarks.speedrun --seeds 20
"""

import jaxflow as jf

BATCH = 2000
DECAY = 0.004  # share of the weights that the first step takes away


def nesterov(rate):
    return jf.SGD(rate, jf.Linear(), DECAY / rate, decay_all=True, momentum=0.85, nesterov=True)


def get_config():
    return jf.Experiment(
        data=jf.TFDS("cifar10", validation=0.0),
        preprocess=(jf.Standardize(),),
        augment=(jf.AlternatingFlip(), jf.Crop(2)),
        model=jf.AirbenchCNN(dtype="float16"),
        problem=jf.Classification(loss=jf.losses.CrossEntropy(label_smoothing=0.2)),
        optimizer=jf.Muon(
            learning_rate=0.24,
            schedule=jf.Linear(),
            momentum=0.6,
            newton_schulz_steps=3,
            fixed_norm=True,
            matrix_optimizer=nesterov(0.67 * BATCH),
            default_optimizer=nesterov(0.053 * BATCH),
        ),
        tta=jf.FlipShift(),
        batch_size=BATCH,
        epochs=8,
        log_every_steps=200,
        validate_every_epochs=8,
    )
