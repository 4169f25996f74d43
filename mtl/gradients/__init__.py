"""Task gradients, and what an autograd graph tells about them."""
