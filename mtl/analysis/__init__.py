"""What came of many runs: gains over the baseline, how sure they are, what they cost, and a verdict in words."""
