"""Control layer: the agent acts with a trained network and says how it went."""
