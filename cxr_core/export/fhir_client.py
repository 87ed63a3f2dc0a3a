"""A Bundle to a FHIR server: one POST, one answer, or a DeliveryFailed that says whether trying again may help.

In: a transaction Bundle, a server's base URL. Out: the status of what the server made of each entry. Redirects are not
followed: a bundle names a patient, and goes to the host that the site has named. Nothing of it stands in a message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from cxr_core.errors import DeliveryFailed
from cxr_core.export.fhir import MEDIA_TYPE

TIMEOUT = 20.0
_MOST_BYTES = 5_000_000
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """The server's status, and where it keeps the report ("" where it does not say)."""

    status: int
    location: str


def post(  # noqa: PLR0913 - a bundle, where to, and what proves who we both are
    bundle: bytes,
    url: str,
    *,
    token: str = "",
    timeout: float = TIMEOUT,
    ca: str = "",
    own: tuple[str, str | None] = ("", None),
) -> PostAnswer:
    """Send a bundle; ``token`` goes along as a bearer token, ``ca`` is a file of certificates to trust instead of all.

    ``own`` are the files of our certificate and its key, None where one file holds both.

    It may be sent again without harm: every entry is created only if its identifier is not there yet.
    """
    base = urlsplit(url)
    if base.scheme not in ("http", "https") or not base.hostname or base.username or base.password:
        raise DeliveryFailed("a FHIR server is named by its http(s) URL, without a user in it", retry=False)
    if token and base.scheme == "http" and base.hostname not in _LOOPBACK:
        raise DeliveryFailed("a token is sent over https alone; give the server's https URL", retry=False)
    expected = len(json.loads(bundle)["entry"])
    headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no .netrc of whoever started it: only what the site has named
            answer = session.post(
                url,
                data=bundle,
                headers=headers,
                timeout=timeout,
                verify=ca or True,
                cert=_shown(own),
                allow_redirects=False,
                stream=True,
            )
            with answer:
                return _judged(answer.status_code, _body(answer), expected)
    except requests.exceptions.SSLError as exc:
        raise DeliveryFailed("the FHIR server's certificate is not trusted here", retry=False) from exc
    except requests.Timeout as exc:
        raise DeliveryFailed(f"the FHIR server did not answer within {timeout:g} seconds") from exc
    except requests.RequestException as exc:
        raise DeliveryFailed(f"the FHIR server cannot be reached ({type(exc).__name__})") from exc


def _shown(own: tuple[str, str | None]) -> tuple[str, str] | str | None:
    """Our certificate as requests wants to be told of it."""
    certificate, key = own
    return (certificate, key) if certificate and key else certificate or None


def _body(answer: requests.Response) -> bytes:
    """The answer, whole; a server that goes on and on is cut off."""
    found = bytearray()
    for piece in answer.iter_content(65_536):
        found += piece
        if len(found) > _MOST_BYTES:
            raise DeliveryFailed(
                f"the FHIR server's answer is longer than {_MOST_BYTES:,} bytes", status=answer.status_code
            )
    return bytes(found)


def _judged(status: int, body: bytes, expected: int) -> PostAnswer:
    """2xx with an answer for every entry is taken; all else is not (FHIR R4 3.1.0.11.2: all or none)."""
    if not 200 <= status < 300:
        # 408, 425, 429 and 5xx may pass; another 4xx, or a redirect, will be the same again.
        retry = status >= 500 or status in (408, 425, 429)
        raise DeliveryFailed(
            f"the FHIR server answered with status {status}{_outcome(body)}", status=status, retry=retry
        )
    try:
        said: Any = json.loads(body)
        if said["type"] != "transaction-response":
            raise ValueError(said["type"])
        entries = [item["response"] for item in said["entry"]]
        taken = sum(str(item["status"]).startswith("2") for item in entries)
    except (ValueError, KeyError, TypeError) as exc:
        raise DeliveryFailed("the FHIR server's answer is cut short or no transaction response", status=status) from exc
    if taken < expected or taken < len(entries):
        raise DeliveryFailed(f"the FHIR server took {taken} of {expected} entries", status=status)
    return PostAnswer(status, str(entries[-1].get("location", "")))


def _outcome(body: bytes) -> str:
    """The codes of an OperationOutcome, which are the standard's words; its free text may quote the patient."""
    try:
        issues = json.loads(body)["issue"]
        known = sorted({str(issue["code"]) for issue in issues})
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({', '.join(code for code in known if code.isascii() and code.replace('-', '').isalpha())[:120]})"
