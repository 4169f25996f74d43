"""Plain torch blocks: encoders, heads, replicas of a module as one batched product. Knows nothing of tasks or
training.
"""
