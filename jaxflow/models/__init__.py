"""Flax Linen modules. They are frozen dataclasses, so an experiment holds the model itself.

Every model is called as `model(inputs, train)` and returns raw outputs, (batch, outputs), or with an output at each
position (batch, *positions, outputs). `inputs` is an array, or a dict of arrays where an example has several inputs.
The layer before the head is sown into "intermediates" under the name "features", which costs nothing unless it is asked
for. A model of tokens may have a method `decode(tokens, lengths)` that continues texts from a cache.
"""
