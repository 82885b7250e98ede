"""The peer channel host: mailboxes over HTTP and websockets, for the app, the playground or a server of its own.

Here belong the rules of mailboxes, the store behind them, and one module per public dialect of the API. Not here: what
the messages mean (the host sees bytes only), and anything of the engine.
"""
