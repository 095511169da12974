"""ResNet-18 on CIFAR-10, in bfloat16: 11,173,962 parameters. For a GPU.

Not measured yet, on any machine.

python launch.py --config experiments/cifar_resnet.py
"""

from jaxflow import SGD, TFDS, Classification, Cosine, Crop, Experiment, Flip, ResNet, Standardize


def get_config():
    return Experiment(
        data=TFDS("cifar10", validation=0.1),
        preprocess=(Standardize(),),
        augment=(Flip(), Crop(4, "zero")),
        model=ResNet(dtype="bfloat16"),
        problem=Classification(),
        optimizer=SGD(
            learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, schedule=Cosine(warmup_steps=500)
        ),
        batch_size=128,
        epochs=100,
    )
