import os
import subprocess
import sys
import time

import pytest

from memorylab.lab import RunRefused
from memorylab.lab.budget import CPU_SECONDS, TOKENS, WALL_SECONDS, Budget, cpu_seconds


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_nothing_counts_before_the_start_and_after_the_stop():
    clock = Clock()
    budget = Budget(CPU_SECONDS, 10, clock)
    clock.now += 50
    assert (budget.seconds, budget.progress) == (0.0, 0.0)
    budget.start()
    clock.now += 4
    budget.start()
    assert (budget.seconds, budget.progress) == (4.0, 0.4)
    budget.stop()
    clock.now += 50
    assert budget.seconds == 4.0


def test_progress_ends_at_one():
    clock = Clock()
    budget = Budget(WALL_SECONDS, 10, clock)
    budget.start()
    clock.now += 11
    assert budget.progress == 1.0


def test_tokens_do_not_look_at_the_clock():
    clock = Clock()
    budget = Budget(TOKENS, 1000, clock)
    budget.start()
    clock.now += 1e6
    budget.count(250)
    assert budget.progress == 0.25


def test_finishing_a_step_is_allowed_and_going_on_is_not():
    clock = Clock()
    seconds = Budget(CPU_SECONDS, 10, clock)
    seconds.start()
    clock.now += 12
    seconds.check()
    clock.now += 2
    with pytest.raises(RunRefused, match="spent 14 cpu seconds of a budget of 10"):
        seconds.check()

    tokens = Budget(TOKENS, 1000, clock)
    for _ in range(3):
        tokens.count(400)
    tokens.check()
    tokens.count(400)
    with pytest.raises(RunRefused, match="spent 1600 tokens"):
        tokens.check()


def burn(seconds):
    return f"import time\nwhile time.process_time() < {seconds}: pass\n"


def test_children_that_ended_are_paid_for():
    before, own = cpu_seconds(), time.process_time()
    subprocess.run([sys.executable, "-c", burn(0.2)], check=True)
    assert cpu_seconds() - before - (time.process_time() - own) >= 0.15


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="running children are read from /proc")
def test_children_that_run_are_paid_for_as_they_go():
    command = [sys.executable, "-c", burn(0.2) + "print(flush=True); input()"]
    before, own = cpu_seconds(), time.process_time()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        child.stdout.readline()
        assert cpu_seconds() - before - (time.process_time() - own) >= 0.15
        child.communicate("\n")
