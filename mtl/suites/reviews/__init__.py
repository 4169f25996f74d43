"""Texts: what customers wrote about clothes."""

from mtl.suites.reviews.suite import ReviewsSuite

__all__ = ["ReviewsSuite"]
