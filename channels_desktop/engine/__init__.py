"""The imperative shell: what comes in is decided by pure steps, remembered in one transaction, and only then sent.

Belongs here: the flow from delivery to event and from command to outbox, the background tasks, the wallet. Does not
belong here: sockets, SQL, Qt, byte formats, the rules of a sub-protocol.
"""
