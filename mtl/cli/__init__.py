"""What a person types, and is told: one file per command."""
