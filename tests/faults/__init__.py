"""Faults at system calls: a command is killed, or told that the disk is full, at any call that changes a file.

    python -m tests.faults --points 10000 --seed 1

A command and all that it starts (git, the subject) run under ptrace(2), which stops them where they are about to change
a file, and nowhere else. So each point is a number, and a run can be done again by its seed.
"""
