"""orch: teams of small local language models, described as a graph in one YAML file."""

__version__ = "0.1.0"
