"""Networks that are trained apart and merged, beside those trained together."""
