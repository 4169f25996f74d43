"""Merging: networks of one task each, trained apart from a common start, become one trunk for all."""
