"""The lock file beside a workflow: what it is made of besides its own text. Reads and writes it, and tells differences."""
