"""Count the comparisons that sort.py makes on lists that never change. Not to be edited by who experiments."""

import random
import sys

sys.dont_write_bytecode = True  # an edit within the second, of the same length, would be taken for the file before it
import sort  # noqa: E402


class Counted:
    """A number that counts how often it is compared."""

    made = 0

    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        Counted.made += 1
        return self.value < other.value


source = random.Random(7)
for size in (100, 1_000, 3_000):
    numbers = [source.randrange(size) for _ in range(size)]
    found = sort.sort([Counted(number) for number in numbers])
    assert [item.value for item in found] == sorted(numbers), f"{size} numbers are not in order"
print(f"made {Counted.made} comparisons")
