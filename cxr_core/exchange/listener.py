"""The DICOM listener: C-STORE and C-ECHO (PS3.4 annex B and A), films written to disk as they come in.

In: associations. Out: films in the inbox. Success (0000) is answered after a film is on the disk and recorded; what is
not taken is refused with the standard's status (PS3.4 B.2.3, PS3.7 C, PS3.8 9.3.4). A data set is never held in memory:
its fragments go straight into a file, and a PDU longer than agreed is refused before it is read. The log names AE
titles and counts, never what a film says of itself. This module knows no model.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from cxr_core.errors import SettingsError, StoreError
from cxr_core.exchange.landing import Landing, Piecewise, TooMuch
from cxr_core.exchange.quiet import quieten
from cxr_core.exchange.rules import Rules
from cxr_core.exchange.syntaxes import FILM_CLASSES, TRANSFER_SYNTAXES, VERIFICATION, file_head
from cxr_core.settings import Settings
from cxr_core.store import Store

_log = logging.getLogger(__name__)

SUCCESS, NO_SUCH_CLASS, OUT_OF_RESOURCES, NOT_OF_THAT_CLASS, NOT_UNDERSTOOD = 0x0000, 0x0122, 0xA700, 0xA900, 0xC000
"""PS3.7 annex C and PS3.4 table B.2-1."""

MAX_PDU = 131_072
"""What we agree to, bytes; dcmtk's storescu sends no longer ones."""

_MOST_PDU = MAX_PDU + 1024  # an association request may be longer than a data PDU, never longer than this
_MOST_COMMAND = 65_536
_QUIET_SECONDS, _SILENT_SECONDS = 60, 10  # between two pieces of a film; before anything was said
_MOST_CONNECTIONS = 256
_ABORT = bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, 6))  # PS3.8 9.3.8: by the provider, invalid PDU parameter value


class Listener:
    """A port that takes films in; ``serve`` runs until ``stop``."""

    def __init__(self, rules: Rules, settings: Settings, store: Store) -> None:
        quieten()
        self.rules = rules
        self._limit = settings.max_file_mb * 1_000_000
        self._landing = Landing(store)
        self._counts = _Counts()
        self._ae = _application(rules)
        try:
            self._server = self._make_server(rules)
        except OSError as exc:
            self._landing.close()
            where = f"port {rules.port}" + (f" of {rules.host}" if rules.host else "")
            another = "another port, or another host" if rules.host else "another"
            raise SettingsError(f"{where} cannot be listened on ({exc.strerror}); choose {another}") from exc
        self._ae._servers.append(self._server)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def facts(self) -> Mapping[str, Any]:
        """What the Connections page shows; counts since the start, no identity."""
        told = {"aet": self.rules.aet, "port": self.port, "tls": self.rules.tls is not None}
        return told | self._counts.told() | {"associations": len(self._server.active_associations)}

    def serve(self) -> None:
        """Take films in until ``stop`` is called from another thread or a signal."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """End the associations and give up what is half-received: it was not acknowledged."""
        self._server.shutdown()
        for association in self._server.active_associations:
            association.abort()
        self._landing.close()

    def _make_server(self, rules: Rules) -> ThreadedAssociationServer:
        handlers = [
            (evt.EVT_C_STORE, self._store_film),
            (evt.EVT_C_ECHO, lambda _event: SUCCESS),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_REJECTED, self._rejected),
            (evt.EVT_CONN_CLOSE, _let_go),
        ]
        made = self._ae.make_server(
            (rules.host, rules.port),
            ae_title=rules.aet,
            ssl_context=rules.tls.server() if rules.tls else None,
            evt_handlers=cast("Any", handlers),
            server_class=_Server,
            request_handler=_Handler,
        )
        server = cast("_Server", made)
        server.begin = lambda: self._landing.film(self._limit)
        return server

    def _store_film(self, event: evt.Event) -> int:
        """One C-STORE request, completely received: keep it, or say why not."""
        stream = getattr(event.request, "DataSet", None)
        sender = str(event.assoc.requestor.ae_title).strip()
        try:
            status, why = self._kept(event, stream, sender)
        finally:
            if isinstance(stream, _Stream):
                stream.discard()
        if status != SUCCESS:
            self._counts.refused(why)
            _log.warning("refused a film from %r with status %04X: %s", sender, status, why)
        return status

    def _kept(self, event: evt.Event, stream: object, sender: str) -> tuple[int, str]:
        asked, agreed = str(event.request.AffectedSOPClassUID), str(event.context.abstract_syntax)
        if asked not in FILM_CLASSES:
            return NO_SUCH_CLASS, "its SOP class is not one of those that are taken"
        if asked != agreed:
            return NOT_OF_THAT_CLASS, "its SOP class is not the one that was agreed on"
        if not isinstance(stream, _Stream) or not (stream.film or stream.why):
            return NOT_UNDERSTOOD, "it came without a data set"
        if stream.why or stream.film is None:
            return OUT_OF_RESOURCES, stream.why
        name = f"{sender or 'unnamed'} {datetime.now(UTC):%Y-%m-%d %H.%M.%S} {{number}}.dcm"
        try:
            new = self._landing.keep(stream.film, instance=stream.instance, origin="dicom", sender=sender, name=name)
        except StoreError as exc:
            return OUT_OF_RESOURCES, str(exc)
        self._counts.took(new)
        _log.info("%s a film of %d bytes from %r", "received" if new else "received again", stream.film.size, sender)
        return SUCCESS, ""

    def _accepted(self, event: evt.Event) -> None:
        """Archives offer every class that they know; it is worth a line only where none of them is taken."""
        if not event.assoc.accepted_contexts:
            offered = event.assoc.rejected_contexts
            self._counts.refused("an association offered no SOP class and transfer syntax that is taken")
            _log.warning(
                "%r offered nothing that is taken, but %s%s", str(event.assoc.requestor.ae_title),
                ", ".join(map(_named, offered[:3])) or "nothing at all", " and more" if len(offered) > 3 else "",
            )  # fmt: skip

    def _rejected(self, event: evt.Event) -> None:
        """By the order in which the titles and the number are looked at, so that the log says what to change."""
        asked: Any = event.assoc.requestor.primitive
        calling, called = (str(title).strip() for title in (asked.calling_ae_title, asked.called_ae_title))
        if self.rules.senders and calling not in self.rules.senders:
            why = f"{calling!r} is not among the senders of the site file"
        elif called != self.rules.aet:
            why = f"it called {called!r}, and we are {self.rules.aet!r}"
        else:
            why = f"{self.rules.associations} stand already"
        self._counts.refused(f"an association was rejected: {why}")
        _log.warning("rejected an association of %r to %r: %s", calling, called, why)


class _Counts:
    """What happened since the start; written by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, Any] = {
            "since": datetime.now(UTC).isoformat(), "received": 0, "repeated": 0, "refused": 0, "last_refusal": "",
            "last_refusal_at": "", "last_received": "",
        }  # fmt: skip

    def took(self, new: bool) -> None:
        with self._lock:
            self._told["received" if new else "repeated"] += 1
            self._told["last_received"] = datetime.now(UTC).isoformat()

    def refused(self, why: str) -> None:
        with self._lock:
            self._told["refused"] += 1
            self._told["last_refusal"], self._told["last_refusal_at"] = why, datetime.now(UTC).isoformat()

    def told(self) -> dict[str, Any]:
        with self._lock:
            return dict(self._told)


class _Stream(BytesIO):
    """A data set on its way into a file; pynetdicom writes the fragments to it.

    ``film`` is the file so far, ``why`` the reason if there is none: the rest is then thrown away as it comes.
    ``instance`` is the identifier as it was sent, also where it is longer than the standard allows.
    """

    def __init__(self, message: DIMSEMessage, association: Association, server: _Server) -> None:
        super().__init__()
        self._message, self._association, self._server = message, association, server
        self.film: Piecewise | None = None
        self.why = ""
        self.instance = ""

    def write(self, data: Any) -> int:
        if self.why or not isinstance(self._message, C_STORE_RQ):
            return len(data)
        try:
            if self.film is None:
                self._begin()
            cast("Piecewise", self.film).write(data)
        except TooMuch:
            self._give_up("it is larger than CXR_MAX_FILE_MB allows")
        except OSError as exc:
            self._give_up(f"the disk does not take it ({exc.strerror})")
        return len(data)

    def discard(self) -> None:
        if self.film:
            self.film.discard()

    def _begin(self) -> None:
        self.film = self._server.begin()
        command, context = self._message.command_set, self._association._accepted_cx.get(self._message.context_id or 0)
        self.instance = str(command.get("AffectedSOPInstanceUID", "") or "")
        if len(self.instance) > 64:  # no reason to lose a film; the answer carries a part of it
            command.AffectedSOPInstanceUID = UID(self.instance[:64])
        syntax = str(context.transfer_syntax[0]) if context and context.transfer_syntax else ""
        self.film.write(file_head(str(command.get("AffectedSOPClassUID", "")), self.instance, syntax))

    def _give_up(self, why: str) -> None:
        self.why = why
        self.discard()
        self.film = None


class _Dimse(DIMSEServiceProvider):
    """Messages whose data set goes into a file instead of into memory."""

    def __init__(self, association: Association, server: _Server) -> None:
        super().__init__(association)
        self._server = server

    def receive_primitive(self, primitive: P_DATA) -> None:
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = _Stream(self.message, self.assoc, self._server)
        if self.message.encoded_command_set.tell() > _MOST_COMMAND:
            self.dul.event_queue.put("Evt19")  # a command without end: abort
            return
        super().receive_primitive(primitive)


class _Socket(AssociationSocket):
    """Reads in large pieces, and no PDU longer than was agreed."""

    def recv(self, nr_bytes: int) -> bytearray:
        connection = cast("socket.socket", self.socket)
        if nr_bytes > _MOST_PDU:
            _log.warning("aborted a connection that announced a PDU of %d bytes", nr_bytes)
            connection.sendall(_ABORT)
            raise OSError("a PDU longer than was agreed")
        data, got = bytearray(nr_bytes), 0
        with memoryview(data) as view:
            while got < nr_bytes:
                count = connection.recv_into(view[got:])
                if not count:
                    break
                got += count
        return data if got == nr_bytes else data[:got]


class _Handler(RequestHandler):
    """Gives each association a socket and a message provider of ours."""

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dul.event_queue.get_nowait()  # "connected", which the socket that is replaced has said
        association.dul.socket = _Socket(association, client_socket=cast("socket.socket", self.request))
        association.dimse = _Dimse(association, cast("_Server", self.server))
        return association


class _Server(ThreadedAssociationServer):
    """Accepts at once; a TLS handshake takes place in the association's own thread and holds up no other."""

    request_queue_size = 64
    begin: Any = None

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = cast("socket.socket", self.socket).accept()
        connection.settimeout(_QUIET_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.ssl_context:
            try:
                connection = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            except (OSError, ssl.SSLError):
                connection.close()
                raise
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return len(self.active_associations) < _MOST_CONNECTIONS

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.warning("a connection was given up")


class _Application(AE):
    """Counts associations that were asked for; a connection that said nothing yet takes nobody's place."""

    @property
    def active_associations(self) -> list[Association]:
        return [item for item in super().active_associations if item.is_requestor or item.requestor.primitive]


def _application(rules: Rules) -> AE:
    made = _Application(rules.aet)
    made.maximum_associations = rules.associations
    made.maximum_pdu_size = MAX_PDU
    made.acse_timeout, made.dimse_timeout, made.network_timeout = _SILENT_SECONDS, 30, _QUIET_SECONDS
    made.require_called_aet = True
    made.require_calling_aet = list(rules.senders)
    made.add_supported_context(VERIFICATION)
    for uid in FILM_CLASSES:
        made.add_supported_context(uid, list(TRANSFER_SYNTAXES))
    return made


def _let_go(event: evt.Event) -> None:
    """The connection is gone: forget what came of a film that is not whole, and do not wait for a request."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)  # what waits for a request then ends as if its time were over
    message = event.assoc.dimse.message
    if message is not None and isinstance(message.data_set, _Stream):
        message.data_set.discard()


def _named(context: Any) -> str:
    """A SOP class in words, or as a number of the standard's form; nothing else that a stranger may have sent."""
    uid = UID(str(context.abstract_syntax))
    return uid.name if uid.name != uid or uid.is_valid else "something that is no SOP class"
