"""Drawing for every stage: the frame of a page, and figures."""
