"""Front-end tables (前置库): what a department's program writes for others to fetch."""
