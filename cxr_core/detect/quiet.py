"""Keep native libraries from writing their own news on a program's stderr; what is not known chatter goes through."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# LiteRT says this at every first model and offers no switch (its logger's level is not exported from the library).
_CHATTER = (b"INFO: Created TensorFlow Lite XNNPACK delegate",)
_STDERR = 2


@contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile, then pass on all but the known chatter.

    For the short moment of loading a model only: other threads' messages are late by that much, never lost.
    """
    try:
        saved = os.dup(_STDERR)
    except OSError:  # a service without a stderr has nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, _STDERR)
            os.close(saved)
            held.seek(0)
            for line in held:
                if not line.startswith(_CHATTER):
                    os.write(_STDERR, line)
