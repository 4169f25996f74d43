"""Public data inside packages of the package index: where it lies, how it is fetched once, how its files are read."""
