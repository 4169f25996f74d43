"""Runs on disk: their directories, identity and files."""
