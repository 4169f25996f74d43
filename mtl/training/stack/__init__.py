"""Several runs of one shape in one training: their parameters are stacked, and a step trains them all."""
