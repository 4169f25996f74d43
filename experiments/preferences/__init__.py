"""One network for all trade-offs beside networks of fixed weights."""
