"""The shared inference core: bytes of a chest radiograph in, a place in a queue out.

Needs no screen, no GPU and no network.
"""
