"""The child that loads tables, locks itself in, and answers questions. Imports little, so that it starts fast."""
