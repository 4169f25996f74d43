"""What a run may be told: typed configuration, and what is typed as ``key=value``. Imports no torch."""
