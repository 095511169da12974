"""Forward passes of the CIFAR network. Arguments: batch size, contender (jaxflow, flax, onnxruntime, torch, keras)."""

import os
import sys

import numpy as np

from benchmarks.workers.protocol import images, serve

BATCH, WHO = int(sys.argv[1]), sys.argv[2]
inputs = images(BATCH)[0]

if WHO == "jaxflow":
    from jaxflow.runtime.startup import tune_allocator

    tune_allocator()
    import jax
    import jax.numpy as jnp

    import jaxflow
    from jaxflow.training.steps import make_predict_step

    model = jaxflow.CNN(widths=(32, 64, 64), hidden=(64,), outputs=10)
    variables = model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    step = make_predict_step(model, jaxflow.Classification(), transform=lambda x: x.astype(jnp.float32) / 255)
    # Weights as constants, as in a service; as arguments they cost a tenth more at batch 1 and nothing at 256.
    compiled = jax.jit(lambda inputs: step(variables, inputs)[1])

    def predict():
        return np.asarray(compiled(inputs))

elif WHO == "onnxruntime":
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    weights, nodes, last, channels = [], [], "scaled", 3

    def weight(name, *shape):
        array = np.random.RandomState(0).normal(0, 0.05, shape).astype(np.float32)
        weights.append(numpy_helper.from_array(array, name))
        return name

    nodes += [
        helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Div", ["planes", "by"], ["scaled"]),
    ]
    weights.append(numpy_helper.from_array(np.float32(255), "by"))
    for layer, width in enumerate((32, 64, 64)):
        kernel, bias = weight(f"k{layer}", width, channels, 3, 3), weight(f"b{layer}", width)
        nodes.append(helper.make_node("Conv", [last, kernel, bias], [f"c{layer}"]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        last, channels = f"r{layer}", width
        if layer < 2:
            nodes.append(helper.make_node("MaxPool", [last], [f"p{layer}"], kernel_shape=[2, 2], strides=[2, 2]))
            last = f"p{layer}"
    nodes += [
        helper.make_node("Flatten", [last], ["flat"]),
        helper.make_node("Gemm", ["flat", weight("w4", 1024, 64), weight("b4", 64)], ["h"]),
        helper.make_node("Relu", ["h"], ["hr"]),
        helper.make_node("Gemm", ["hr", weight("w5", 64, 10), weight("b5", 10)], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "cnn",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 32, 32, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def predict():
        return session.run(None, {"x": inputs})[0]

elif WHO == "torch":
    import torch
    from torch import nn

    network = nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(-1),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    planes = torch.from_numpy(inputs).permute(0, 3, 1, 2)

    def predict():
        with torch.inference_mode():
            return network(planes.float() / 255).numpy()

else:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow

    from benchmarks.workers.keras_cnn import keras_cnn

    network = keras.Sequential([keras_cnn(), keras.layers.Softmax()])
    compiled = tensorflow.function(network)

    def predict():
        return compiled(inputs).numpy()


def work(calls):
    for _ in range(calls):
        predict()


serve(work, BATCH)
