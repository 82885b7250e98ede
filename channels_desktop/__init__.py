"""Channels Desktop: a messenger-wallet in which people open private two-way channels, chat and settle money.

The rooms, from the bottom up: `wire`, `bitcoin`, `protocols`, `engine`, then side by side `host`, `adapters`,
`services` and `ui`, and at the top the composition roots `app`, `headless` and `playground`. A room imports only
rooms below it.
"""

__version__ = "0.1.0"
