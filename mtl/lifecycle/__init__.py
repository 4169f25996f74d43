"""One run from config to result, and what a trained run does afterwards."""
