"""One file per command that is more than a few lines."""
