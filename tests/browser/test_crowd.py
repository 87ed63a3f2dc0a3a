"""Twenty clients at once on one running app, each speaking as a browser does: nobody sees another's film or words.

They speak Streamlit's own protocol over its WebSocket, so that twenty fit beside each other on a small machine; what
Chromium makes of it the other tests here look at.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from cxr_core.records import LABELS, Identity, ImageFacts, ModelRef, Screening
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.browser.conftest import free_port, start, stop
from tests.fakes import film

pytestmark = pytest.mark.models

CLIENTS = 20
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MODELS = (ModelRef("covid_ssd", "1", "a" * 64),)


@pytest.fixture
def ward(tmp_path):
    """A running app over a film a patient, and one over which all will quarrel; gives its address, store and keys."""
    data = tmp_path / "data"
    store = Store(Settings(data_dir=data))
    keys = []
    for number in range(CLIENTS + 1):
        key = store.add_film(film(100 + number))
        who = Identity(patient_name=f"PATIENT{number:02}^JO", patient_id=f"NR{number:02}X", study_uid=f"1.2.{number}")
        facts, scores = ImageFacts(640, 480, "PA", "png"), dict.fromkeys(LABELS, 0.5)
        name = f"film-{number:02}.png"
        screening = Screening(name, key, "screened", image=facts, models=MODELS, scores=scores, identity=who)
        keys.append(store.save(screening, NOON).key)
    app = start(data, free_port(), CXR_SECOND_OPINIONS="none")
    yield app.port, store, keys
    stop(app)
    store.close()


class Client:
    """One session of the app, as its browser would hold it."""

    def __init__(self, socket) -> None:
        self._socket = socket
        self._words: dict[str, str] = {}  # what was typed, by the widget's key
        self._ids: dict[str, str] = {}

    async def show(self, key: str, **typed: str) -> str:
        """Type words into fields and let the page of a film be drawn; gives all that the server sent."""
        self._words |= typed
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = f"film={key}", "Review"
        for name, widget in self._ids.items():
            if name in self._words:
                message.rerun_script.widget_states.widgets.add(id=widget, string_value=self._words[name])
        await self._socket.send(message.SerializeToString())
        parts: list[str] = []
        while True:
            answer = ForwardMsg.FromString(await self._socket.recv())
            if answer.WhichOneof("type") == "delta":
                self._take(answer.delta.new_element, parts)
            elif answer.WhichOneof("type") == "script_finished":
                return "\n".join(parts)

    def _take(self, element, parts: list[str]) -> None:
        kind = element.WhichOneof("type")
        if kind in ("text_input", "text_area", "selectbox"):
            field = getattr(element, kind)
            name = field.id.split("-", 2)[2]  # $$ID-<hash>-<the key that the page gave it>
            self._ids[name] = field.id
            self._words.setdefault(name, "")
        if kind == "bidi_component":
            parts.append(element.bidi_component.json)
        elif kind:
            parts.append(str(getattr(element, kind)))


@asynccontextmanager
async def browsing(port: int):
    async with websockets.connect(
        f"ws://localhost:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None, ping_timeout=None
    ) as socket:
        yield Client(socket)


async def read_alone(port: int, number: int, key: str, gate: asyncio.Barrier) -> list[str]:
    """A reader opens a film of their own, says who they are and what they see, and looks at the page again."""
    async with browsing(port) as client:
        await gate.wait()
        seen = [await client.show(key)]
        seen.append(await client.show(key, reader_field=f"Reader{number:02}"))
        seen.append(await client.show(key, **{f"comment-{key}": f"said by {number:02}"}))
    async with browsing(port) as client:  # the same window, loaded again
        seen.append(await client.show(key))
    return seen


async def quarrel(port: int, number: int, key: str, gate: asyncio.Barrier) -> str:
    """All have the same film before them, without a review; all say something of it at once."""
    async with browsing(port) as client:
        await client.show(key)
        await gate.wait()
        await client.show(key, **{f"comment-{key}": f"quarrel {number:02}"})
        return await client.show(key)


def all_at_once(work, port: int, keys: list[str]) -> list:
    async def run() -> list:
        gate = asyncio.Barrier(CLIENTS)
        return await asyncio.gather(*(work(port, number, keys[number], gate) for number in range(CLIENTS)))

    # In a thread of its own: the browser of the other tests has its event loop in this one.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(lambda: asyncio.run(run())).result()


def test_twenty_clients_see_their_own_film_and_words_and_nobody_elses(ward):
    port, store, keys = ward
    seen = all_at_once(read_alone, port, keys)
    for number, pages in enumerate(seen):
        assert f"PATIENT{number:02}" in pages[0]
        assert f"NR{number:02}X" in pages[0]
        assert f"said by {number:02}" in pages[-1]
        whole = "\n".join(pages)
        for other in range(CLIENTS + 1):
            if other != number:
                words = (f"PATIENT{other:02}", f"NR{other:02}X", f"Reader{other:02}", f"said by {other:02}")
                assert not [word for word in words if word in whole], f"client {number} was shown client {other}'s"
    for number in range(CLIENTS):
        review = store.entry(keys[number]).review
        assert (review.comment, review.reader) == (f"said by {number:02}", f"Reader{number:02}")

    common = keys[CLIENTS]
    pages = all_at_once(quarrel, port, [common] * CLIENTS)
    kept = {review.comment for review in store.review_history(common, store.entry(common).screening)}
    told = {f"quarrel {number:02}" for number, page in enumerate(pages) if "Put mine on top" in page}
    assert kept, "one was first"
    assert kept | told == {f"quarrel {number:02}" for number in range(CLIENTS)}, "kept, or told that it is not"
    assert not kept & told
    assert store.verify_audit().sound
