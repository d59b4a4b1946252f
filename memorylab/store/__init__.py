"""The store: git refs, notes and journal. It moves bytes and knows no record."""

from memorylab.store.git import Place, locate
from memorylab.store.repo import Commit, Entry, Store
from memorylab.store.transaction import Transaction

__all__ = ["Commit", "Entry", "Place", "Store", "Transaction", "locate"]
