"""The same network in Keras 3 through model.fit, on the backend that KERAS_BACKEND names. Arguments: batch size."""

import sys

import keras

from benchmarks.workers.keras_cnn import keras_cnn
from benchmarks.workers.protocol import images, serve

BATCH = int(sys.argv[1])
model = keras_cnn()
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
inputs, labels = images()


def work(calls):
    # Whole passes over a part of the data: fit has no other unit.
    count = min(calls * BATCH, len(labels) // BATCH * BATCH)
    passes, rest = divmod(calls * BATCH, count)
    if passes:
        model.fit(inputs[:count], labels[:count], batch_size=BATCH, epochs=passes, verbose=0)
    if rest:
        model.fit(inputs[:rest], labels[:rest], batch_size=BATCH, epochs=1, verbose=0)


serve(work, BATCH)
