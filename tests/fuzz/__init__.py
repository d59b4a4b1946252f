"""Coverage-guided fuzzing of every parser: `python -m tests.fuzz --executions N`.

targets.py says what is parsed and what has to hold; test_targets.py runs every target on its seeds and on damaged
ones in the ordinary suite; this package's __main__ runs them under atheris (libFuzzer), each in a process of its own.
"""
