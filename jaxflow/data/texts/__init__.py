"""Texts: read, tokenized and divided into windows."""
