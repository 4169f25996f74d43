"""What an agent's outcome says: which task limits it, how far its probabilities can be relied on, where it fails."""
