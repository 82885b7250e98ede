"""The sizes beyond which bytes from outside are refused (channels.md 8.4)."""

MESSAGE_BYTES = 10 * 1024 * 1024
INITIATION_BYTES = 1024 * 1024
PROTOCOL_IDS = 16
PROTOCOL_ID_BYTES = 64
ITEMS = 100_000
