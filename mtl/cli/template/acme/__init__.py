"""Data and methods of acme for mtl: a file for each, and in conf/ the YAML that chooses it."""
