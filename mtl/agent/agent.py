"""The agent."""


class Agent:
    """Acts with a trained network."""
