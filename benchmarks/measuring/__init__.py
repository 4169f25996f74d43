"""What the benchmarks have in common: ratios of rounds with their spread, figures that are kept."""
