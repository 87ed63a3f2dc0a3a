"""Keeps a foreign reader's words inside: no warning, log line or exception text of pydicom or a codec gets out.

pydicom quotes the value it complains about, and that value may be a patient's name. So its warnings and its logger are
muted while any thread reads, and its exceptions are replaced by a Refusal without cause or quotation; the exception's
type alone goes to the log.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cxr_core.errors import CxrError, DamagedImage, Refusal, TooLarge

T = TypeVar("T")

_LOGGERS = ("pydicom", "pylibjpeg", "openjpeg", "PIL")

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_readers = 0
_saved: list[tuple[logging.Logger, bool]] = []
_caught: warnings.catch_warnings | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Mute foreign warnings and loggers; nests and is shared by threads: the first in mutes, the last out restores."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _readers, _caught  # noqa: PLW0603 - the warnings filter is process-wide, so its count must be too
    with _lock:
        _readers += 1
        if _readers > 1:
            return
        _caught = warnings.catch_warnings()
        _caught.__enter__()
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            _saved.append((logger, logger.disabled))
            logger.disabled = True


def _leave() -> None:
    global _readers, _caught  # noqa: PLW0603
    with _lock:
        _readers -= 1
        if _readers or _caught is None:
            return
        for logger, disabled in _saved:
            logger.disabled = disabled
        _saved.clear()
        _caught.__exit__(None, None, None)
        _caught = None


def contain(work: Callable[[], T], otherwise: str, refusal: type[Refusal] = DamagedImage) -> T:
    """``work()``, quietly; a foreign exception becomes ``refusal(otherwise)`` without cause, context or quotation."""
    try:
        with quiet():
            return work()
    except CxrError:
        raise
    except MemoryError:
        kind = "MemoryError"
        refusal, otherwise = TooLarge, "The image needs more memory than there is. Export it at a lower resolution."
    except Exception as exc:  # noqa: BLE001 - what decoders raise is no closed set: Pillow's bomb error and OpenCV's own
        # error have no common parent but Exception, and one odd file must not end the run of all others.
        kind = type(exc).__name__
    # Outside the handler: Python would otherwise keep the foreign exception, and the value it quotes, as context.
    _log.info("a reader gave up with %s", kind)
    raise refusal(otherwise)
