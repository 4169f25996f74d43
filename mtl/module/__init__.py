"""The Lightning module: batches to losses, an update and metrics."""
