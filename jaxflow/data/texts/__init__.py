"""Texts: read, tokenized and cut into windows."""
