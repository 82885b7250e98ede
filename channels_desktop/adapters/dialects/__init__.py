"""The three public dialects of peer channel hosts as a client speaks them, and the line that any of them listens on.

What belongs here: one module per dialect (paths, forms, credentials, sockets), how a host's dialect is recognised, and
what turns notifications and polls into one stream of mail. Not here: connections and their limits
(`adapters/host_requests.py`), and posting, which is the same for all three (`adapters/http_channels.py`).
"""
