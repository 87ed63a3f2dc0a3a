"""Unique identifiers that are the same each time: what was exported once is recognised when it is exported again.

In: what an object is made of. Out: a DICOM UID under 2.25 (PS3.5 B.2: a UUID as one decimal number), or a UUID. The
UUID is one of version 5 (RFC 9562): a digest of the parts, so it tells nobody what they were.
"""

from __future__ import annotations

import re
import uuid

_OURS = uuid.UUID("6f1b6b2e-0a57-5d0c-8d4e-4b1c6f6d3a90")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_LONGEST = 64  # PS3.5 9.1
_BETWEEN = "\x1f"  # no part holds it: they are digests, UIDs and our own words


def uuid_of(*parts: str) -> uuid.UUID:
    """The UUID of these parts in this order."""
    return uuid.uuid5(_OURS, _BETWEEN.join(parts))


def uid_of(*parts: str) -> str:
    """The DICOM UID of these parts in this order, at most 44 characters."""
    return f"2.25.{uuid_of(*parts).int}"


def fault(uid: str) -> str:
    """What is wrong with a UID, "" for nothing. A leading zero is passed: archives keep such films under that name."""
    if not uid:
        return "missing"
    if len(uid) > _LONGEST:
        return f"{len(uid)} characters, at most {_LONGEST} are allowed"
    return "" if _UID.fullmatch(uid) else "not digits and points"
