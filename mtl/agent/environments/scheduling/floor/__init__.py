"""A shop floor: disturbances happen, and what is left is planned anew."""
