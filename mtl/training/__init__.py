"""How a network is trained: the trainer, its callbacks and what this machine gives."""
