"""Gradient-boosted trees, one ensemble for each task: the baseline that needs no network."""
