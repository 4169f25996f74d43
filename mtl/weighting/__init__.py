"""Weightings: the rule from K losses to one update. One file per method; each is ``num_tasks`` and a small pure
arrow.
"""
