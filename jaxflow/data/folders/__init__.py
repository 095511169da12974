"""Files of a folder: found, labelled, paired and split."""
