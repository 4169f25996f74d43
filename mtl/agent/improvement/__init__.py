"""How an agent improves itself: a trained network is changed by what comes of acting, not by labels."""
