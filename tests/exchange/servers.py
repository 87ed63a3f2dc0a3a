"""Servers that do what a test tells them: HTTP answers by a script, HL7 acknowledgements by a word."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer


class Server(ThreadingHTTPServer):
    """Answers each request by the next of ``script``: a status, a type, a body, and how much of it is left out."""

    def __init__(self) -> None:
        self.script: list[tuple] = []
        self.heard: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request, client_address) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: N802, RUF100 - the library's name
        self._answer()

    do_POST = do_GET  # noqa: N815, RUF100 - the library's name

    def _answer(self) -> None:
        body = self._body()
        self.server.heard.append((self.path, body))
        status, kind, data, short = (*self.server.script.pop(0), 0)[:4]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) + short))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, *_args) -> None:
        """Quiet."""


class Receiver(ThreadingTCPServer):
    """An HL7 receiver over MLLP that acknowledges each message with ``code``, or says nothing for ""."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.code = "AA"
        self.heard: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Acknowledging)


class _Acknowledging(BaseRequestHandler):
    def handle(self) -> None:
        message = b""
        while not message.endswith(b"\x1c\r"):
            piece = self.request.recv(65_536)
            if not piece:
                return
            message += piece
        self.server.heard.append(message[1:-2])
        if self.server.code:
            control = message.split(b"|")[9]
            head = b"MSH|^~\\&|A|B|C|D|20260101||ACK^R01^ACK|1|P|2.5.1\r"
            self.request.sendall(b"\x0b" + head + b"MSA|" + self.server.code.encode() + b"|" + control + b"\r\x1c\r")


def serving(server):
    """Run a server for as long as a test needs it."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
