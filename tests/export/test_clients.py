"""A FHIR server and an HL7 receiver that behave, and that do not: taken, refused, cut short, silent, gone."""

import json
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hl7 as reader
import pytest

from cxr_core.errors import DeliveryFailed
from cxr_core.export import fhir, hl7, mllp
from cxr_core.export.fhir_client import post
from tests.export.results import origin, result

BUNDLE = fhir.bundle(result(), origin())
ENTRIES = len(json.loads(BUNDLE)["entry"])
MESSAGE = hl7.message(result(), origin())
CONTROL = hl7.control_id(result(), origin()).encode()


def taken(count: int = ENTRIES, status: str = "201 Created") -> bytes:
    entry = [{"response": {"status": status, "location": f"X/{number}"}} for number in range(count)]
    return json.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": entry}).encode()


@contextmanager
def fhir_server(status: int, body: bytes, *, length: int | None = None, headers=(), wait: float = 0, tls=None):
    """A server that gives one answer to everything; yields its URL and what it was sent."""
    heard: list[tuple[dict[str, str], bytes]] = []
    stop = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            stop.wait(wait)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/fhir", heard
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_bundle_that_is_taken_is_sent_whole_and_its_report_is_named():
    with fhir_server(200, taken()) as (url, heard):
        answer = post(BUNDLE, url, token="secret")
    assert (answer.status, answer.location) == (200, f"X/{ENTRIES - 1}")
    ((headers, body),) = heard
    assert body == BUNDLE
    assert headers["Content-Type"] == "application/fhir+json"
    assert headers["Authorization"] == "Bearer secret"


OUTCOME = json.dumps(
    {"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "diagnostics": "DOE^JANE"}]}
).encode()
ANSWERS = [
    (500, b"no", "status 500", True),
    (503, b"", "status 503", True),
    (429, b"", "status 429", True),
    (400, OUTCOME, r"status 400 \(invalid\)", False),
    (401, b"<html>", "status 401", False),
    (302, b"", "status 302", False),
    (200, b"", "cut short", True),
    (200, b"{}", "no transaction response", True),
    (200, taken(status="422 Unprocessable"), f"took 0 of {ENTRIES}", True),
    (200, taken(ENTRIES - 1), f"took {ENTRIES - 1} of {ENTRIES}", True),
]


@pytest.mark.parametrize(("status", "body", "told", "retry"), ANSWERS)
def test_every_other_answer_is_a_failure_that_says_whether_to_try_again(status, body, told, retry):
    headers = [("Location", "http://127.0.0.1:9/elsewhere")] if status == 302 else []
    with (
        fhir_server(status, body, headers=headers) as (url, heard),
        pytest.raises(DeliveryFailed, match=told) as caught,
    ):
        post(BUNDLE, url)
    assert len(heard) == 1
    assert (caught.value.status, caught.value.retry) == (status, retry)
    assert "DOE" not in str(caught.value)
    assert "SYNTHETIC" not in str(caught.value)


def test_half_an_answer_a_silent_server_and_none_are_told():
    with fhir_server(200, taken()[:100], length=len(taken())) as (url, _), pytest.raises(DeliveryFailed) as caught:
        post(BUNDLE, url)
    assert caught.value.retry
    with fhir_server(200, taken(), wait=5) as (url, _), pytest.raises(DeliveryFailed, match="did not answer"):
        post(BUNDLE, url, timeout=0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        post(BUNDLE, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["ftp://a/b", "http://", "https://user:pass@host/fhir", "host/fhir"])
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(DeliveryFailed) as caught:
        post(BUNDLE, url)
    assert not caught.value.retry


def test_a_token_never_travels_in_the_open():
    with pytest.raises(DeliveryFailed, match="over https alone"):
        post(BUNDLE, "http://hospital.example/fhir", token="secret")


@contextmanager
def receiver(answer, tls: ssl.SSLContext | None = None):
    """An MLLP receiver for one message: ``answer`` turns what came into the bytes that go back."""
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listening.accept()
            with connection, tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                data = b""
                while not data.endswith(b"\x1c\r"):
                    piece = stream.recv(65536)
                    if not piece:
                        return
                    data += piece
                heard.append(data)
                for part in answer(data):
                    stream.sendall(part)
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        listening.close()
        thread.join()


def ack(code: str):
    """An acknowledgement as python-hl7 makes it, in two pieces."""

    def answer(data: bytes):
        said = str(reader.parse(data[1:-2].decode()).create_ack(code)).encode()
        framed = b"\x0b" + said + b"\x1c\r"
        return framed[:20], framed[20:]

    return answer


def test_a_message_that_is_taken_was_sent_in_its_frame():
    with receiver(ack("AA")) as (port, heard):
        assert mllp.send(MESSAGE, "127.0.0.1", port) == "AA"
    assert heard == [b"\x0b" + MESSAGE + b"\x1c\r"]


NO_ACK = [
    (ack("AE"), r"did not take the message \(AE\)", True),
    (ack("AR"), r"did not take the message \(AR\)", False),
    (lambda _: (b"\x0bMSH|^~\\&|half",), "cut short", True),
    (lambda _: (b"HTTP/1.1 400 Bad\r\n\x1c\r",), "not in an MLLP frame", True),
    (lambda _: (b"\x0bMSH|^~\\&|A\rPID|1\x1c\r",), "no acknowledgement", True),
    (lambda _: (b"\x0bMSH|^~\\&|A\rMSA|AA|OTHER\x1c\r",), "another message", True),
    (lambda _: (b"\x0bMSH|^~\\&|A\rMSA|DOE^JANE|" + CONTROL + b"\x1c\r",), "unknown code", True),
    (lambda _: (), "cut short", True),
]


@pytest.mark.parametrize(("answer", "told", "retry"), NO_ACK)
def test_without_its_acknowledgement_a_message_is_not_delivered(answer, told, retry):
    with receiver(answer) as (port, _), pytest.raises(DeliveryFailed, match=told) as caught:
        mllp.send(MESSAGE, "127.0.0.1", port)
    assert caught.value.retry == retry
    assert "DOE" not in str(caught.value)


def test_a_receiver_that_is_silent_or_gone():
    quiet = threading.Event()

    def answer(_):
        quiet.wait(5)
        return ()

    with receiver(answer) as (port, _):
        with pytest.raises(DeliveryFailed, match=r"did not answer within 0\.3 seconds"):
            mllp.send(MESSAGE, "127.0.0.1", port, timeout=0.3)
        quiet.set()
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        mllp.send(MESSAGE, "127.0.0.1", port)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, made by openssl, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]  # fmt: skip
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not here: install the Debian package openssl")
    return folder / "cert.pem", folder / "key.pem"


def test_a_fhir_server_that_asks_who_we_are_is_shown_our_certificate(certificate):
    cert, key = map(str, certificate)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    server.load_verify_locations(cert)
    server.verify_mode = ssl.CERT_REQUIRED
    with fhir_server(200, taken(), tls=server) as (url, heard):
        with pytest.raises(DeliveryFailed):
            post(BUNDLE, url, ca=cert)
        assert post(BUNDLE, url, ca=cert, own=(cert, key)).status == 200
    assert len(heard) == 1


def test_over_tls_a_known_certificate_is_trusted_and_an_unknown_one_is_not(certificate):
    cert, key = certificate
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    with receiver(ack("CA"), server) as (port, _):
        trusting = ssl.create_default_context(cafile=str(cert))
        assert mllp.send(MESSAGE, "127.0.0.1", port, tls=trusting) == "CA"
    with receiver(ack("CA"), server) as (port, heard):
        with pytest.raises(DeliveryFailed, match="not trusted") as caught:
            mllp.send(MESSAGE, "127.0.0.1", port, tls=ssl.create_default_context())
        assert not caught.value.retry
    assert heard == []
