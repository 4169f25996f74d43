"""Plain torch modules that know nothing of tasks or training: encoders, heads, batched copies of a module."""
