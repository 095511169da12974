"""The command line: a verb is a file with `HELP`, `FLAGS` and `run(arguments)`; a "-" in a verb is "_" in its file.

Verbs are found by the names of their files (`verbs.py`) and import what is heavy inside `run`, so that help is fast.
"""
