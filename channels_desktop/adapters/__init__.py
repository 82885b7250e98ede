"""One file per implementation of an engine port: the database, hosts over HTTP, nodes, keys, the clock, and memory.

Belongs here: everything that touches disk, network or the operating system for the engine. Does not belong here:
decisions. An adapter reports what happened; the engine and the protocols decide what it means.
"""
