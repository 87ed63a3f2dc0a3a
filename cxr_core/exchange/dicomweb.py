"""An archive over DICOMweb (PS3.18): QIDO finds films, WADO fetches them, STOW gives results back.

In: a Peer. Out: what was found, bytes of DICOM files, nothing; PeerUnreachable, PeerRefused or PeerUnclear where the
archive does not do its part. Addresses and errors name no patient. This module keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient

from cxr_core.errors import PeerRefused, PeerUnclear, PeerUnreachable, SettingsError
from cxr_core.exchange.quiet import quieten
from cxr_core.exchange.rules import Peer

T = TypeVar("T")

SECONDS = (10.0, 60.0)
"""To connect, and between two pieces of an answer."""

_PAGE = 200
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
WRONG_ADDRESS = (401, 403, 404, 405, 502, 503, 504)
"""Answers that speak of the destination, not of what was sent: it is wrongly set up, or away."""


@dataclass(frozen=True, slots=True)
class Found:
    """An instance at the archive, as it names it."""

    study: str
    series: str
    instance: str


class Archive:
    """One archive; make it where it is used, it holds an HTTP session."""

    def __init__(self, peer: Peer) -> None:
        quieten()
        self._peer = peer
        self._session = session_for(peer)
        self._client = DICOMwebClient(peer.url, session=self._session, timeout=SECONDS, permissive_uid=True)
        self._client.set_http_retry_params(retry=False)  # the outbox has pauses of its own

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def name(self) -> str:
        """What the site calls it."""
        return self._peer.name

    def answers(self) -> str:
        """Ask for a single study; what the archive is then known to do."""
        self._asked(lambda: self._client.search_for_studies(limit=1, fields=["StudyInstanceUID"]))
        return "QIDO answered"

    def films(self, filters: Mapping[str, str], modality: str) -> Iterator[Found]:
        """Instances of a modality in the studies that fit, such as {"StudyDate": "20260101-"}; page by page.

        PeerUnclear where an answer lacks the identifiers that fetching needs.
        """
        client = self._client
        of_study = {**filters, "ModalitiesInStudy": modality}
        for study in self._pages(partial(client.search_for_studies, search_filters=of_study), "StudyInstanceUID"):
            of_series = partial(client.search_for_series, study, search_filters={"Modality": modality})
            for series in self._pages(of_series, "SeriesInstanceUID"):
                of_instance = partial(client.search_for_instances, study, series)
                for instance in self._pages(of_instance, "SOPInstanceUID"):
                    yield Found(study, series, instance)

    def holds(self, study: str, instance: str) -> bool:
        """Whether an instance is there."""
        found = self._asked(
            lambda: self._client.search_for_instances(study, search_filters={"SOPInstanceUID": instance}, limit=1)
        )
        return bool(found)

    def fetch(self, found: Found, limit: int) -> bytes:
        """The DICOM file of an instance as the archive holds it; PeerUnclear if it comes half, or beyond ``limit``."""
        parts = (("studies", found.study), ("series", found.series), ("instances", found.instance))
        url = "/".join((self._peer.url, *(f"{kind}/{quote(uid, safe='')}" for kind, uid in parts)))
        response = self._asked(lambda: self._got(url, limit))
        return only_part(response[0], response[1])

    def store(self, files: Sequence[bytes]) -> None:
        """Give objects to the archive; PeerRefused with DICOM's reason where it takes one of them not."""
        datasets = [pydicom.dcmread(BytesIO(data)) for data in files]
        answer = self._asked(lambda: self._client.store_instances(datasets))
        failed = answer.get("FailedSOPSequence") or []
        if failed:
            reason = int(failed[0].get("FailureReason", 0) or 0)
            # PS3.18 table I.2-2: A7xx is a lack of resources, which may pass; the rest will be the same again.
            raise PeerRefused(
                f"the archive did not take {len(failed)} of {len(files)} objects (reason {reason:04X})",
                status=reason, retry=reason & 0xFF00 == 0xA700,
            )  # fmt: skip
        taken = {str(item.get("ReferencedSOPInstanceUID", "")) for item in answer.get("ReferencedSOPSequence") or []}
        if not {str(dataset.SOPInstanceUID) for dataset in datasets} <= taken:
            raise PeerUnclear("the archive did not say that it took every object")

    def _pages(self, search: Callable[..., Any], keyword: str) -> Iterator[str]:
        """One identifier of every answer, each once, as long as pages bring new ones."""
        tag = self._client.lookup_tag(keyword)
        seen: set[str] = set()
        while True:
            page = self._asked(partial(search, fields=[keyword], limit=_PAGE, offset=len(seen)))
            new = [uid for uid in (_identifier(item, tag) for item in page) if uid not in seen]
            yield from new
            seen.update(new)
            if len(page) < _PAGE or not new:  # an archive that knows no pages gives the same again
                return

    def _got(self, url: str, limit: int) -> tuple[bytes, str]:
        """A body of at most ``limit`` bytes and its type."""
        with self._session.get(url, headers={"Accept": _ACCEPT}, stream=True, timeout=SECONDS) as response:
            response.raise_for_status()
            body = bytearray()
            for piece in response.iter_content(1 << 20):
                body += piece
                if len(body) > limit + 65_536:  # what surrounds the one part
                    raise PeerUnclear("the archive sent a file larger than CXR_MAX_FILE_MB allows", retry=False)
            told = response.headers.get("Content-Length", "")
            if told.isdecimal() and "Content-Encoding" not in response.headers and len(body) < int(told):
                raise PeerUnclear(f"the archive sent {len(body):,} of {int(told):,} bytes")
            return bytes(body), response.headers.get("Content-Type", "")

    def _asked(self, ask: Callable[[], T]) -> T:
        """Run a request, foreign errors translated; their words may quote addresses with identifiers."""
        try:
            return ask()
        except requests.exceptions.HTTPError as exc:
            raise self._refusal(exc.response.status_code if exc.response is not None else 0) from None
        except requests.exceptions.SSLError as exc:
            raise PeerUnreachable(f"{self._peer.name}: the TLS connection was not made ({_cause(exc)})") from None
        except (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError) as exc:
            if began(exc):
                raise PeerUnclear(f"{self._peer.name}: the connection ended in the middle of an answer") from None
            raise PeerUnreachable(f"{self._peer.name} cannot be reached") from None
        except (requests.exceptions.RequestException, ValueError, KeyError, TypeError) as exc:
            raise PeerUnclear(f"{self._peer.name} gave half an answer or none of DICOMweb ({_cause(exc)})") from None

    def _refusal(self, status: int) -> PeerRefused | PeerUnreachable:
        told = f"{self._peer.name} answered {status}"
        if status in WRONG_ADDRESS:
            return PeerUnreachable(f"{told}: away, or its address or password is wrong", status=status)
        return PeerRefused(told, status=status, retry=status >= 500 or status in (408, 429))


def only_part(body: bytes, content_type: str) -> bytes:
    """The one part of a multipart answer (RFC 2046), or the body where it is none; PeerUnclear for half of it."""
    kind, *parameters = (item.strip() for item in content_type.split(";"))
    if not kind.lower().startswith("multipart/"):
        return _dicom(body)
    named = (item.partition("=") for item in parameters)
    boundary = next((value.strip('"') for key, _, value in named if key.lower() == "boundary"), "")
    marker = b"--" + boundary.encode("latin-1", "replace")
    start = body.find(marker)
    head = body.find(b"\r\n\r\n", start)
    end = body.find(b"\r\n" + marker, head)
    if not boundary or min(start, head, end) < 0:
        raise PeerUnclear("the archive sent half an answer")
    return _dicom(body[head + 4 : end])


def _dicom(data: bytes) -> bytes:
    if data[128:132] != b"DICM":
        raise PeerUnclear("the archive sent something that is no DICOM file")
    return data


def _identifier(item: Any, tag: str) -> str:
    values = item.get(tag, {}).get("Value") if isinstance(item, Mapping) else None
    if not values or not isinstance(values[0], str):
        raise PeerUnclear("the archive found something without saying what it is called")
    return values[0]


def session_for(peer: Peer) -> requests.Session:
    """A session that trusts whom the site trusts, and shows who we are; SettingsError if its files cannot be used."""
    made = requests.Session()
    made.trust_env = False  # a proxy of the environment is not where patients' films belong
    if peer.tls:
        peer.tls.client()  # says what is wrong with a file; requests would raise an OSError that quotes its path
        made.verify = peer.tls.authorities or True
        if peer.tls.certificate:
            made.cert = (peer.tls.certificate, peer.tls.key) if peer.tls.key else peer.tls.certificate
    if peer.user:
        made.auth = (peer.user, password(peer))
    return made


def password(peer: Peer) -> str:
    """The first line of the peer's password file; "" without one, SettingsError if it cannot be read."""
    if not peer.password_file:
        return ""
    try:
        return (Path(peer.password_file).read_text(encoding="utf-8").splitlines() or [""])[0].strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"the password file of {peer.name} cannot be read ({type(exc).__name__})") from exc


def began(exc: Exception) -> bool:
    """Whether a connection stood when it broke: then the other may have taken what was sent."""
    text = repr(exc)
    return not isinstance(exc, requests.exceptions.ConnectTimeout) and any(
        word in text
        for word in ("RemoteDisconnected", "ProtocolError", "ConnectionReset", "BrokenPipe", "Read timed out")
    )


def _cause(exc: BaseException) -> str:
    """The innermost kind of an error, without its words."""
    while exc.__context__ is not None:
        exc = exc.__context__
    return type(exc).__name__
