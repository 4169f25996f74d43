"""Multi-task learning with evidence: learn tasks together or apart, shared how, weighted how; then act."""

__version__ = "0.1.0"
