"""Data layer: suites. A suite is data plus the tasks that can be learned from it; one file or package each."""
