"""A memory for autoresearch loops, kept in git notes and refs."""

__version__ = "0.1.0"
