"""An HL7 v2 message over MLLP (HL7 v2 appendix C): sent in its frame, answered by an acknowledgement.

In: a message, a host and a port. Out: the acknowledgement code, AA or CA. Everything else is a DeliveryFailed that says
whether trying again may help, and quotes nothing of either message.
"""

from __future__ import annotations

import socket
import ssl
import time

import hl7

from cxr_core.errors import DeliveryFailed

TIMEOUT = 20.0
_START, _END = b"\x0b", b"\x1c\r"
_MOST_BYTES = 1_000_000
_TAKEN = ("AA", "CA")
_REFUSED = ("AR", "CR")  # rejected: the same message will be rejected again (table 0008)


def send(message: bytes, host: str, port: int, *, timeout: float = TIMEOUT, tls: ssl.SSLContext | None = None) -> str:
    """Send one message and wait for its acknowledgement; returns MSA-1."""
    try:
        with socket.create_connection((host, port), timeout) as plain:
            stream = tls.wrap_socket(plain, server_hostname=host) if tls else plain
            with stream:
                stream.sendall(_START + message + _END)
                answer = _framed(stream, time.monotonic() + timeout)
    except TimeoutError as exc:
        raise DeliveryFailed(f"the HL7 receiver did not answer within {timeout:g} seconds") from exc
    except ssl.SSLError as exc:
        raise DeliveryFailed("the HL7 receiver's certificate is not trusted here", retry=False) from exc
    except OSError as exc:
        raise DeliveryFailed(f"the HL7 receiver cannot be reached ({exc.strerror or type(exc).__name__})") from exc
    return _judged(message, answer)


def _framed(stream: socket.socket, until: float) -> bytes:
    """The answer's frame, without its ends."""
    found = b""
    while not found.endswith(_END):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        stream.settimeout(left)
        piece = stream.recv(65_536)
        if not piece or len(found) > _MOST_BYTES:
            raise DeliveryFailed("the HL7 receiver's answer is cut short")
        found += piece
    if not found.startswith(_START):
        raise DeliveryFailed("the HL7 receiver's answer is not in an MLLP frame")
    return found[1:-2]


def _judged(message: bytes, answer: bytes) -> str:
    """The code of an acknowledgement of this very message."""
    try:
        sent = str(hl7.parse(message.decode()).segment("MSH")[10])
        told = hl7.parse(answer.decode("utf-8", "replace")).segment("MSA")
        code, about = str(told[1]), str(told[2])
    except (KeyError, IndexError, ValueError, hl7.HL7Exception) as exc:
        raise DeliveryFailed("the HL7 receiver's answer is no acknowledgement") from exc
    if about != sent:
        raise DeliveryFailed("the HL7 receiver acknowledged another message")
    if code not in _TAKEN:
        known = code if code in ("AE", "CE", *_REFUSED) else "an unknown code"
        raise DeliveryFailed(f"the HL7 receiver did not take the message ({known})", retry=code not in _REFUSED)
    return code
