"""Tools that steps and agents call: one file per kind. They know neither engine nor store nor providers."""
