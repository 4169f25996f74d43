"""Multi-task learning with evidence: learn tasks together or apart, shared how, weighted how, and act with the
winner.
"""

__version__ = "0.1.0"
