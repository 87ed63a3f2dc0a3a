"""The site file's [exchange] -> Rules: who may send, what is screened, where results go.

In: the sections ``[exchange]``, ``[exchange.tls]``, ``[[exchange.source]]`` and ``[[exchange.destination]]``. Out:
frozen, checked records; SettingsError for what makes no sense. This module opens no connection.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast
from urllib.parse import urlsplit

from cxr_core.errors import SettingsError
from cxr_core.settings import Settings
from cxr_core.site import Section, read_site, section, sections

Kind = Literal["dicom", "dicomweb", "fhir", "hl7"]
When = Literal["screened", "signed"]
Of = Literal["received", "all"]

KINDS: tuple[Kind, ...] = ("dicom", "dicomweb", "fhir", "hl7")
OBJECTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"dicom": ("sr", "gsps", "sc"), "dicomweb": ("sr", "gsps", "sc"), "fhir": ("fhir",), "hl7": ("hl7",)}
)
"""What each kind of destination can be given; the first two unless the site says otherwise."""

AE_TITLE = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?")  # PS3.5 6.2, AE: no backslash, no spaces around
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a TLS connection, PEM: whom we trust, and who we are; "" where not given."""

    authorities: str = ""
    certificate: str = ""
    key: str = ""

    def server(self) -> ssl.SSLContext:
        """What a listener needs; with ``authorities``, who calls must show a certificate of theirs (PS3.15 B.9)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._own(context)
        if self.authorities:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> ssl.SSLContext:
        """What a caller needs; the other's certificate must name its host and be signed by ``authorities``."""
        context = ssl.create_default_context(cafile=None)
        self._own(context)
        return context

    def _own(self, context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        named = "authorities"
        try:
            if self.authorities:
                context.load_verify_locations(self.authorities)
            named = "certificate and key"
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key or None)
        except (OSError, ssl.SSLError) as exc:
            raise SettingsError(
                f"the TLS file of {named} in [exchange] cannot be used ({type(exc).__name__}); expected a file in PEM "
                "that may be read"
            ) from exc


@dataclass(frozen=True, slots=True)
class Peer:
    """Another system: over DICOM by host, port and AE title, over HL7 by host and port, over HTTP by its address."""

    name: str
    kind: Kind
    host: str = ""
    port: int = 0
    aet: str = ""
    url: str = ""
    user: str = ""
    password_file: str = ""
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results go: which objects, of which films, and from when on in a result's life.

    ``of``: "received" are films that another system gave, "all" uploads, too. ``rests``: seconds for which an unsigned
    review must not have been touched before it leaves.
    """

    peer: Peer
    objects: tuple[str, ...]
    when: When = "screened"
    of: Of = "received"
    rests: int = 60

    @property
    def name(self) -> str:
        """What people and the outbox call it."""
        return self.peer.name


@dataclass(frozen=True, slots=True)
class Rules:
    """What this site exchanges with other systems. An empty list of senders or kinds leaves nothing out."""

    aet: str = "CXRSCREEN"
    host: str = ""
    port: int = 11112
    senders: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    associations: int = 16
    tls: Tls | None = None
    sources: tuple[Peer, ...] = ()
    destinations: tuple[Destination, ...] = ()

    def left_out(self, modality: str, body_part: str) -> str:
        """Why a film of this kind is not screened here; "" if it is. What a film does not say leaves it in."""
        if self.modalities and modality and modality not in self.modalities:
            return f"modality {modality} is not among those that this site screens ({', '.join(self.modalities)})"
        if self.body_parts and body_part and body_part not in self.body_parts:
            return f"body part {body_part} is not among those that this site screens ({', '.join(self.body_parts)})"
        return ""

    def peer(self, name: str) -> Peer:
        """A source or a destination by its name; SettingsError if there is none."""
        peers = (*self.sources, *(item.peer for item in self.destinations))
        found = next((peer for peer in peers if peer.name == name), None)
        if found is None:
            known = ", ".join(peer.name for peer in peers) or "none"
            raise SettingsError(f"no source or destination is called {name!r} in the site file; it knows {known}")
        return found


def read_rules(settings: Settings) -> Rules:
    """The rules of the site file; SettingsError says what does not fit and where."""
    site = read_site(settings)
    table = section(site, "exchange")
    folder = settings.resolved_site_file.parent
    rules = Rules(
        aet=_ae_title(table, "aet", "CXRSCREEN"),
        host=table.text("host", ""),
        port=table.whole("port", 11112, 1, 65535),
        senders=_ae_titles(table),
        modalities=_words(table, "modalities"),
        body_parts=_words(table, "body_parts"),
        associations=table.whole("associations", 16, 1, 256),
        tls=_tls(table.below("tls"), folder),
        sources=tuple(_source(item, folder) for item in sections(site, "exchange", "source")),
        destinations=tuple(_destination(item, folder) for item in sections(site, "exchange", "destination")),
    )
    table.finish("source", "destination")
    names = [*(peer.name for peer in rules.sources), *(item.name for item in rules.destinations)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(f"two sources or destinations in [exchange] have one name: {', '.join(twice)}")
    if rules.tls and not rules.tls.certificate:
        raise SettingsError("[exchange.tls] needs certificate and key: a listener shows who it is")
    return rules


def _source(table: Section, folder: Path) -> Peer:
    peer = _peer(table, folder)
    if peer.kind != "dicomweb":
        raise table.wrong("kind", "dicomweb: films are fetched over DICOMweb alone", peer.kind)
    table.finish()
    return peer


def _destination(table: Section, folder: Path) -> Destination:
    peer = _peer(table, folder)
    allowed = OBJECTS[peer.kind]
    objects = table.texts("objects", allowed[:2])
    if not objects or not set(objects) <= set(allowed):
        raise table.wrong("objects", f"a list with some of {', '.join(allowed)}", list(objects))
    made = Destination(
        peer,
        tuple(dict.fromkeys(objects)),
        cast("When", table.choice("when", "screened", ("screened", "signed"))),
        cast("Of", table.choice("of", "received", ("received", "all"))),
        table.whole("rests", 60, 0, 86_400),
    )
    table.finish()
    return made


def _peer(table: Section, folder: Path) -> Peer:
    name = table.text("name")
    if not _NAME.fullmatch(name):
        raise table.wrong("name", "a short name of letters, digits, spaces, _ . -", name)
    kind = cast("Kind", table.choice("kind", "", KINDS))
    tls = _tls(table.below("tls"), folder)
    if kind in ("dicom", "hl7"):
        host, port = table.text("host"), table.whole("port", 0, 1, 65535)
        if not host:
            raise table.wrong("host", "a host name or an address", host)
        aet = _ae_title(table, "aet", "") if kind == "dicom" else ""
        return Peer(name, kind, host=host, port=port, aet=aet, tls=tls)
    url = table.text("url")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise table.wrong("url", "an address such as https://archive.example/dicom-web, without a password", url)
    user, password_file = table.text("user"), table.text("password_file")
    return Peer(
        name, kind, url=url.rstrip("/"), user=user, password_file=_place(password_file, folder),
        tls=tls or (Tls() if parts.scheme == "https" else None),
    )  # fmt: skip


def _tls(table: Section, folder: Path) -> Tls | None:
    if not table.table:
        return None
    made = Tls(*(_place(table.text(key), folder) for key in ("authorities", "certificate", "key")))
    table.finish()
    return made


def _place(text: str, folder: Path) -> str:
    """A path as the site file means it: beside itself unless it begins at the root."""
    return str(folder / Path(text).expanduser()) if text else ""


def _ae_title(table: Section, key: str, default: str) -> str:
    value = table.text(key, default)
    if not AE_TITLE.fullmatch(value):
        raise table.wrong(key, "an AE title: 1 to 16 characters, no backslash", value)
    return value


def _ae_titles(table: Section) -> tuple[str, ...]:
    found = table.texts("senders")
    for value in found:
        if not AE_TITLE.fullmatch(value):
            raise table.wrong("senders", "a list of AE titles of 1 to 16 characters each", list(found))
    return found


def _words(table: Section, key: str) -> tuple[str, ...]:
    found = tuple(value.strip().upper() for value in table.texts(key))
    if not all(found):
        raise table.wrong(key, "a list of DICOM's terms, such as CR", list(found))
    return found
