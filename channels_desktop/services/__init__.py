"""Services: a protocol and a policy, the function that decides where a user would click.

Belongs here: policies and what they sell. Does not belong here: transport, storage, anything a user's own app needs.
"""
