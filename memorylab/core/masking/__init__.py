"""Credentials in text: what one looks like, and what stands in its place. `redact.py` is where it begins."""
