"""What an evaluation explains of a trained run, by the kind of its inputs, and stores for its report."""
