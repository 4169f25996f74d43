"""Points of a concave Pareto front that preferences ask for."""
