"""Many runs: their plan, the queue they are taken from, and the processes that train them."""
