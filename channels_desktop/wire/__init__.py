"""Bytes to values and back: script items, objects in script (BSOR) and Envelope v1.

Belongs here: how values are written. Does not belong here: what any message means, keys, transactions, I/O.
"""
