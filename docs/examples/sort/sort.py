"""Quicksort: the file under experiment. What it costs is counted by count.py."""

CUTOFF = 32  # shorter pieces are sorted by insertion
PIVOT = "first"  # first, middle or median (of first, middle and last)


def sort(items):
    """The items in order, in a new list."""
    if len(items) <= CUTOFF:
        return insertion(items)
    pivot = choose(items)
    lower, equal, higher = [], [], []
    for item in items:
        if item < pivot:
            lower.append(item)
        elif pivot < item:
            higher.append(item)
        else:
            equal.append(item)
    return sort(lower) + equal + sort(higher)


def choose(items):
    first, middle, last = items[0], items[len(items) // 2], items[-1]
    if PIVOT == "first":
        return first
    if PIVOT == "middle":
        return middle
    low, high = (middle, first) if middle < first else (first, middle)
    return low if last < low else high if high < last else last


def insertion(items):
    done = []
    for item in items:
        at = len(done)
        while at and item < done[at - 1]:
            at -= 1
        done.insert(at, item)
    return done
