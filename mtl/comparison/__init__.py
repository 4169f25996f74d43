"""Finished runs compared: single-task against multi-task learning."""
