"""Sharing strategies: a batch to one representation per task. One file per strategy, on any encoder."""
