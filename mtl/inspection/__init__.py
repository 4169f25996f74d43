"""Pictures of one trained network: which parts serve which task."""
