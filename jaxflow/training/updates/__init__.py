"""Parts of the second half of a train step: averages of parameters, the scale of the loss, norms and dead units."""
