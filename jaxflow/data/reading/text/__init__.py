"""Files of text that hold rows: how they are written, what their quotes swallow, and why one cannot be read."""
