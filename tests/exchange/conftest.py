"""Two ends of a connection on loopback: listeners of ours, and peers from Debian's packages."""

import threading

import pytest

from cxr_core.exchange.listener import Listener
from cxr_core.exchange.rules import Rules
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.exchange.servers import Receiver, Server, serving


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data", max_file_mb=1)


@pytest.fixture
def store(settings):
    made = Store(settings)
    yield made
    made.close()


@pytest.fixture
def listen(settings, store):
    """Start listeners; each ends with the test."""
    running = []

    def start(**facts) -> Listener:
        made = Listener(Rules(**({"host": "127.0.0.1", "port": 0} | facts)), settings, store)
        thread = threading.Thread(target=made.serve)
        thread.start()
        running.append((made, thread))
        return made

    yield start
    for made, thread in running:
        made.stop()
        thread.join()


@pytest.fixture
def server():
    yield from serving(Server())


@pytest.fixture
def receiver():
    yield from serving(Receiver())
