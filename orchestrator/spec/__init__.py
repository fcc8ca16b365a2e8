"""What the YAML says: frozen pydantic models, and the loader that maps every error to line and column."""
