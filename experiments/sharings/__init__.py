"""Sharing strategies side by side on three small suites."""
