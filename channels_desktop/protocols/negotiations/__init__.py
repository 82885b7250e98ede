"""A partial transaction that goes back and forth inside ETX until both sides agree on it (channels.md 4.10).

The initiator (I) opens a thread, which SID names; the counterparty (C) answers. What inputs exceed outputs by is the
apparent fee: until the last step it says what changes hands.

1. Send: I offers more inputs than outputs. C adds outputs for exactly the excess. I adds change and signs.
2. Receive: I asks with outputs alone. C adds inputs and change and signs.
3. Exchange: I offers some assets and asks for others. C completes it with masked inputs; I signs its own inputs so that
   others stay open (0xC1); C puts real inputs in place of the masks and signs. In three steps C completes and signs at
   once, and then I signs.
4. Whoever gets the complete transaction checks it, answers with a Response OK and hands it to the network. A Response
   of status 1 or above ends the thread: both sides drop the transaction.

`negotiation_tx` is the stack that travels, `masks` what stands in for inputs and outputs that are not told yet,
`status` what a partial transaction lacks and says, `checks` what must hold before it is answered or signed,
`capabilities` what a party announces it can do. Who owns which coin and key is for the wallet to say.
"""
