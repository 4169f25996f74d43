"""Compiled loops: what a dispatcher knows of one shop after the other, and whole schedules by a searched rule."""
