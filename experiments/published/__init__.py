"""Published pairs of tasks: two digits, and income and marriage in a census."""
