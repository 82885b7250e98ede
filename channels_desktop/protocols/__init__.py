"""The sub-protocols: what messages mean, and the pure state machines of negotiations.

One module is one sub-protocol; modules do not know each other, except that all may use `stack` and `effects`. No I/O,
no clock, no randomness, no logging: time and random bytes come in as values.
"""
