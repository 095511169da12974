"""A network of layers, one after the other, and the layers."""
