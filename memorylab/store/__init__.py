"""The store: git refs, notes and journal. It moves bytes and knows no record.

Nothing is imported here: what asks git alone must not pay the 77 ms that pygit2 takes to import.
"""
