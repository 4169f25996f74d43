"""Figures of one trained network: which parameters and experts serve which task, and how tasks are related."""
