"""State that several methods keep, in buffers, so that a checkpoint carries it. One idea per file."""
