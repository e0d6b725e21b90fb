"""A court's query-and-control line (查控), on the institution's own machine, between the court and its own system."""
