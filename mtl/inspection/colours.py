"""Colours that mean the same in every figure of a network."""

SHARED_COLOUR = "#4c72b0"
PRIVATE_COLOUR = "#dd8452"
GROUP_COLOURS = ("#0072b2", "#d55e00", "#00785a", "#7a5195", "#8a6500", "#b0407a", "#1a1a1a", "#6b6b6b")
