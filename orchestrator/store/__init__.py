"""The run store: events appended and never changed, and everything another process may ask about a run."""
