"""Ways in for a party that has a folder or a table, and no program: each runs on its own machine, under its own key."""
