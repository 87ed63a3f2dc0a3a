"""One object to one destination: C-STORE, STOW, FHIR or HL7 over MLLP; and the question whether a destination answers.

In: a Peer and what was made for it. Out: nothing, or an ExchangeError: PeerUnreachable if nothing left, PeerRefused
if it was not taken, PeerUnclear if it may have arrived. This module knows no outbox.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pydicom
import requests
from pynetdicom import AE
from pynetdicom.association import Association

from cxr_core.errors import (
    DeliveryFailed,
    ExchangeError,
    PeerRefused,
    PeerUnclear,
    PeerUnreachable,
)
from cxr_core.exchange.dicomweb import SECONDS, WRONG_ADDRESS, Archive, began, password, session_for
from cxr_core.exchange.quiet import quieten
from cxr_core.exchange.rules import Peer, Tls
from cxr_core.exchange.syntaxes import VERIFICATION

if TYPE_CHECKING:  # the writers of all formats take a second to load, and asking a destination needs none
    from cxr_core.outgoing import Made

_EXPLICIT = "1.2.840.10008.1.2.1"


def send(peer: Peer, made: Made, calling: str) -> None:
    """Send one object; ``calling`` is our AE title."""
    _SENDERS[peer.kind](peer, made, calling)


def holds(peer: Peer, made: Made) -> bool:
    """Whether a destination has this object already, where it can be asked."""
    if peer.kind != "dicomweb":
        return False
    with Archive(peer) as archive:
        return archive.holds(made.study_uid, made.identifier)


def answers(peer: Peer, calling: str) -> str:
    """Ask a destination whether it is there: what it answered and how fast; ExchangeError says what is wrong."""
    began = time.monotonic()
    told = _ASKERS[peer.kind](peer, calling)
    return f"{told} in {1000 * (time.monotonic() - began):.0f} ms"


def _associate(peer: Peer, calling: str, sop_class: str, syntax: str = _EXPLICIT) -> Association:
    """An association that stands and takes this class; PeerUnreachable or PeerRefused otherwise."""
    quieten()
    _connect(peer, calling)  # says what is wrong with a host or a port in plainer words than an association does
    ae = AE(calling)
    ae.connection_timeout, ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 10, 15, 60, 60
    ae.add_requested_context(sop_class, syntax)
    tls: Any = (peer.tls.client(), peer.host) if peer.tls else None
    made = ae.associate(peer.host, peer.port, ae_title=peer.aet, tls_args=tls, max_pdu=131_072)
    if made.is_established:
        return made
    if made.is_rejected:
        raise PeerUnreachable(f"{peer.name} rejected the association: it does not know {calling} or {peer.aet}")
    if made.rejected_contexts or (made.is_aborted and made.acceptor.primitive is not None):
        raise PeerRefused(f"{peer.name} does not take objects of this kind", retry=False)
    secure = "TLS with a certificate that is trusted" if peer.tls else "DICOM without TLS"
    raise PeerUnreachable(f"{peer.name} ended the connection: its port does not speak {secure}")


def _c_store(peer: Peer, made: Made, calling: str) -> None:
    association = _associate(peer, calling, made.sop_class_uid)
    try:
        status = association.send_c_store(pydicom.dcmread(BytesIO(made.data)))
    except (ValueError, RuntimeError) as exc:
        raise PeerUnclear(f"{peer.name}: the association ended before an answer came") from exc
    finally:
        if association.is_established:
            association.release()
    if "Status" not in status:
        raise PeerUnclear(f"{peer.name}: the association ended before an answer came")
    code = int(status.Status)
    if code != 0 and code & 0xF000 != 0xB000:  # PS3.4 table B.2-1: B000 to BFFF are warnings, the object was stored
        raise PeerRefused(f"{peer.name} answered {code:04X}", status=code, retry=code & 0xFF00 == 0xA700)


def _c_echo(peer: Peer, calling: str) -> str:
    association = _associate(peer, calling, VERIFICATION, "1.2.840.10008.1.2")
    status = association.send_c_echo()
    association.release()
    if "Status" not in status or status.Status != 0:
        raise PeerUnclear(f"{peer.name} took the association and did not answer the echo")
    return "C-ECHO answered"


def _stow(peer: Peer, made: Made, _calling: str) -> None:
    with Archive(peer) as archive:
        archive.store([made.data])


def _qido(peer: Peer, _calling: str) -> str:
    with Archive(peer) as archive:
        return archive.answers()


def _fhir(peer: Peer, made: Made, _calling: str) -> None:
    from cxr_core.export import fhir_client  # noqa: PLC0415 - as above

    tls = peer.tls or Tls()
    tls.client()  # says what is wrong with a file
    own = (tls.certificate, tls.key or None)
    try:
        fhir_client.post(made.data, peer.url, token=password(peer), ca=tls.authorities, own=own)
    except DeliveryFailed as exc:
        raise _translated(exc, peer) from exc


def _mllp(peer: Peer, made: Made, _calling: str) -> None:
    from cxr_core.export import mllp  # noqa: PLC0415 - as above

    try:
        mllp.send(made.data, peer.host, peer.port, tls=peer.tls.client() if peer.tls else None)
    except DeliveryFailed as exc:
        if exc.retry:
            _connect(peer, _calling)  # nobody there: nothing arrived
        raise (PeerUnclear if exc.retry else PeerRefused)(f"{peer.name}: {exc}", retry=exc.retry) from exc


def _translated(exc: DeliveryFailed, peer: Peer) -> ExchangeError:
    told = f"{peer.name}: {exc}"
    if exc.status is None:
        nobody = isinstance(exc.__cause__, requests.exceptions.ConnectionError) and not began(exc.__cause__)
        return PeerUnreachable(told) if nobody else PeerUnclear(told, retry=exc.retry)
    if exc.status in WRONG_ADDRESS:
        return PeerUnreachable(told, status=exc.status)
    kind = PeerUnclear if 200 <= exc.status < 300 else PeerRefused
    return kind(told, status=exc.status, retry=exc.retry)


def _capability(peer: Peer, _calling: str) -> str:
    """The server's statement of what it is (FHIR R4, 3.1.0.13)."""
    try:
        with session_for(peer) as session:
            token = password(peer)
            headers = {"Accept": "application/fhir+json"} | ({"Authorization": f"Bearer {token}"} if token else {})
            status = session.get(f"{peer.url}/metadata", headers=headers, timeout=SECONDS).status_code
    except requests.exceptions.RequestException as exc:
        raise PeerUnreachable(f"{peer.name} cannot be reached ({type(exc).__name__})") from None
    if status != 200:
        raise PeerRefused(f"{peer.name} answered {status}", status=status)
    return "the FHIR server answered"


def _connect(peer: Peer, _calling: str) -> str:
    try:
        with socket.create_connection((peer.host, peer.port), timeout=SECONDS[0]):
            return "the port answered"
    except OSError as exc:
        raise PeerUnreachable(f"{peer.name} cannot be reached at its host and port: {_why(exc)}") from exc


def _why(exc: OSError) -> str:
    """A failed connection in words."""
    if isinstance(exc, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(exc, TimeoutError):
        return f"no answer within {SECONDS[0]:g} s"
    return "its name is not known" if isinstance(exc, socket.gaierror) else "the network gave no way there"


_SENDERS: Mapping[str, Callable[[Peer, Made, str], None]] = MappingProxyType(
    {"dicom": _c_store, "dicomweb": _stow, "fhir": _fhir, "hl7": _mllp}
)
_ASKERS: Mapping[str, Callable[[Peer, str], str]] = MappingProxyType(
    {"dicom": _c_echo, "dicomweb": _qido, "fhir": _capability, "hl7": _connect}
)
