"""A narrow ResNet of nine layers on CIFAR-10, for a CPU: 927,010 parameters, 15 epochs.

Test accuracy 0.870 (one seed), in an hour on two CPU cores that did other work too. The full ResNet-18 for a GPU,
11,173,962 parameters, is not measured yet, on any machine:

    python launch.py --config experiments/cifar_resnet.py
    python launch.py --config experiments/cifar_resnet.py --model=ResNet --model.dtype=bfloat16 --epochs=30
"""

from jaxflow import SGD, TFDS, Classification, Cosine, Crop, Experiment, Flip, ResNet9, Standardize


def get_config():
    return Experiment(
        data=TFDS("cifar10", validation=0.1),
        preprocess=(Standardize(),),
        augment=(Flip(), Crop(4, "zero")),
        model=ResNet9(widths=(24, 48, 96, 192)),
        problem=Classification(),
        optimizer=SGD(
            learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, schedule=Cosine(warmup_epochs=2)
        ),
        batch_size=128,
        epochs=15,
    )
