"""The sizes beyond which bytes from outside are refused, each declared here alone (channels.md 8.4).

Readers are as lenient as the reference: they refuse what is too large as a whole, and a count that the bytes left
cannot hold, so that time and memory stay in proportion to the input. All other limits are policy towards peers:
`engine/inbound.py` applies those of envelopes, `protocols/policy.py` those of the messages inside.
"""

# Of a delivery, before it is read
MESSAGE_BYTES = 10 * 1024 * 1024
"""One envelope; a host's own limit may be lower."""
INITIATION_BYTES = 1024 * 1024
"""One envelope from somebody we have no relationship with yet."""

# Of an envelope
PROTOCOL_IDS = 16
"""Ids of an envelope: its wrappers and the message inside."""
PROTOCOL_ID_BYTES = 64
"""One protocol id."""
ITEMS = 100_000
"""Payload items of an envelope."""

# Of the messages inside
NESTING = 16
"""Objects declared inside objects: no bytes can nest deeper than declarations do."""
LIST_ITEMS = 1000
"""One list of which nothing else is said."""
TEXT_BYTES = 64 * 1024
"""One text of which nothing else is said, in UTF-8, or binary data."""
NAME_BYTES = 256
"""A name or id that is shown to the person or compared: of an item, a file, a token, a dialogue."""
PLACE_BYTES = 1024
"""The id or a token of a mailbox or account, as hosts may make them."""
NOTE_BYTES = 4 * 1024
"""What an order, an invoice, a Response or a NOTE says to the person."""
IDENTITY_BYTES = 256
"""Each text in which somebody says who they are."""
MENU_ITEMS = 1000
"""Items of a menu, an order or an invoice."""
PEER_CHANNELS = 5
"""Mailboxes of one relationship."""
SUPPORTED_PROTOCOLS = 64
"""Protocols, and options of protocols, that a party says it knows."""
ATTACHMENT_BYTES = 256 * 1024
"""A file inside a text (channels.md 9.2)."""
URL_LENGTH = 4096
"""Characters of the URL of a mailbox or an account, or of an invite; longer ones are not read at all."""
TX_INPUTS = 1000
"""Inputs of a transaction that somebody proposes; ancestors are as the chain has them."""
TX_OUTPUTS = 1000
"""Outputs of such a transaction."""
SCRIPT_INPUTS = 16
"""Inputs of a transaction whose scripts have to be run: each may take most of a second (`bitcoin/verify.py`)."""
ANCESTORS = 1000
"""Earlier transactions sent along with one (channels.md 6.6)."""
MERKLE_NODES = 64
"""Nodes of a merkle proof: each halves an index of 64 bits."""
