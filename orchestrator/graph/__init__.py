"""The wiring: names to nodes, expressions to programs, and every static check."""
