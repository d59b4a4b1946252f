"""Views: files rendered from the ledger. Any of them may be deleted; none is ever read back as truth."""
