"""Bitcoin as plain values and plain functions; the only room that imports bitcoinx and coincurve.

Belongs here: keys, transactions, scripts, proofs, headers, coin selection and fee sums, each computed from its
arguments alone. Does not belong here: clocks, randomness, the network, the disk, and what a payment means to people.
"""
