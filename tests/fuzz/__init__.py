"""Coverage-guided fuzzing of every reader: any bytes give a value or an error of ours, in bounded time and memory.

`readers` tries each reader and says what must hold, `seeds` makes inputs from the vectors of the reference, `table`
puts the two together, and `python -m tests.fuzz` runs that under atheris. Inputs that once failed are kept in `found`;
`test_found.py` tries them again on every platform.
"""
