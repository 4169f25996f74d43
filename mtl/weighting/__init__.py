"""Weightings: rules from K losses to one update. One file per method."""
