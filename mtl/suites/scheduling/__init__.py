"""Scheduling: job shops, their dynamics, their reference schedules, and the suite that learns to dispatch."""

from mtl.suites.scheduling.suite import SchedulingSuite

__all__ = ["SchedulingSuite"]
