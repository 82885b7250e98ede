"""All SQL on the tables of `adapters/schema.py`: one module per repository of `engine/records.py`.

Belongs here: statements, and turning rows into the engine's records. Does not belong here: opening files, threads and
transactions (`adapters/sqlite.py`), or any decision of the engine. `records.Records` offers them all together.
"""
