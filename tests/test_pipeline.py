"""The stages joined: order, merging, batching, bounds, and what happens when an input or a model is wrong."""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cxr_core import engine, opening, pipeline, readahead
from cxr_core.card import InputSpec
from cxr_core.detect import Detector
from cxr_core.errors import ModelError, ModelNotFound, NotAnImage, RecordError, StoreError, TooLarge
from cxr_core.intake import take_in
from cxr_core.pipeline import Screener
from cxr_core.prepare import prepare
from cxr_core.read import digest, read
from cxr_core.read.sources import InputFile, from_paths
from cxr_core.records import COVID, LABELS, models_key
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.fakes import SPEC, BrightnessNetwork, CrowdedNetwork, card, covid, film, given, nih, second

TEXT = given("notes.png", b"this is no picture")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path / "data", batch_size=4)


@pytest.fixture
def store(settings):
    opened = Store(settings)
    yield opened
    opened.close()


@pytest.fixture
def screener(settings) -> Screener:
    return Screener(settings, [covid(), nih()])


def _reading_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


@for_all(st.lists(st.integers(80, 255) | st.none(), max_size=12))
@hypothesis_settings(max_examples=20)
def test_every_input_comes_out_once_and_in_its_place(greys):
    """None stands for an input that is no picture."""
    screener = Screener(Settings(batch_size=3), [covid(), nih()])
    inputs = [given(f"{n}.png", b"text" if grey is None else film(grey)) for n, grey in enumerate(greys)]
    found = list(screener.screen(inputs))
    assert [item.file for item in found] == [item.name for item in inputs]
    for grey, screening in zip(greys, found, strict=True):
        if grey is None:
            assert (screening.status, screening.refusal.code) == ("refused", "not_an_image")
        else:
            assert screening.scores["Mass"] == pytest.approx(grey / 255, abs=1e-6)


def test_what_is_ready_at_one_moment_comes_together_and_nobody_waits_for_what_is_not():
    late: Future[str] = Future()

    def broken() -> str:
        raise StoreError("gone")

    tasks = [lambda: "a", lambda: _done("b"), lambda: late, lambda: "d", lambda: _done("e"), broken]
    with readahead.ReadAhead(iter(tasks), threads=1, ahead=5) as films:
        while not all(item.done() and item.result().done() for item in films._coming):
            time.sleep(0.001)
        groups = pipeline._together(films, 3)
        assert next(groups) == ["a", "b"]
        late.set_result("c")
        assert next(groups) == ["c"]
        assert next(groups) == ["d", "e"]
        with pytest.raises(StoreError, match="gone"):
            next(groups)


def _done(word: str) -> Future[str]:
    future: Future[str] = Future()
    future.set_result(word)
    return future


def test_a_screening_carries_all_that_the_contract_asks_for(screener):
    data = film(204)
    (screening,) = screener.screen([given("ward/a.png", data)])
    assert (screening.file, screening.sha256, screening.status) == ("ward/a.png", digest(data), "screened")
    assert (screening.image.width, screening.image.height, screening.image.source) == (120, 100, "png")
    assert list(screening.scores) == list(LABELS)
    assert {finding.label for finding in screening.findings} == set(LABELS)
    assert [ref.name for ref in screening.models] == ["covid_ssd", "nih_ssd"]
    assert models_key(screening.models) == screener.models_key
    assert min(screening.seconds.read, screening.seconds.prepare, screening.seconds.detect) > 0


@pytest.mark.parametrize(("height", "width"), [(100, 120), (300, 100), (64, 300)])
def test_boxes_come_back_in_pixels_of_the_image(screener, height, width):
    data = film(255, height=height, width=width)
    (screening,) = screener.screen([given("a.png", data)])
    _, (placement,) = prepare([read(data, "a.png", Settings())], SPEC)  # its dark left edge is no part of the field
    expected = placement.to_image([[16, 8, 32, 24]])[0]
    box = screening.findings[0].box.as_tuple()
    assert box == pytest.approx(expected, abs=0.006)
    assert box[2] <= width
    assert box[3] <= height


def test_a_box_in_the_padding_is_no_finding(settings):
    """The film is narrow, so the left fifth of the model's input holds padding alone."""
    left = (0.25, 0.0, 0.75, 0.2)
    screener = Screener(settings, [covid(BrightnessNetwork(1, box=left)), nih(BrightnessNetwork(8, box=left))])
    (screening,) = screener.screen([given("a.png", film(255, height=300, width=100))])
    assert screening.findings == ()
    assert screening.scores["Mass"] == 1.0


def test_models_with_inputs_of_different_sizes_each_get_their_own(settings):
    detectors = [covid(spec=InputSpec(16, 16)), nih(spec=InputSpec(48, 48, 3, (0.0, 255.0)))]
    (screening,) = Screener(settings, detectors).screen([given("a.png", film(255))])
    assert set(screening.scores.values()) == {1.0}


def test_findings_are_the_best_ten_of_a_label_best_first(settings):
    (screening,) = Screener(settings, [covid(CrowdedNetwork(1)), nih(CrowdedNetwork(8))]).screen(
        [given("a", film(200, height=100, width=200))]
    )
    scores = [finding.score for finding in screening.findings]
    assert scores == sorted(scores, reverse=True)
    assert [sum(item.label == label for item in screening.findings) for label in LABELS] == [10] * 9
    assert min(scores) == pytest.approx(0.9)


def test_boxes_below_the_floor_are_left_out(settings):
    screener = Screener(settings, [covid(CrowdedNetwork(1)), nih(CrowdedNetwork(8))])
    (screening,) = screener.screen([given("a", film(200, height=100, width=200))], floor=0.975)
    assert {finding.score for finding in screening.findings} == {0.99, 0.98}


def test_a_score_that_is_rounded_below_the_floor_is_left_out_too(settings):
    class Edge(CrowdedNetwork):
        def run(self, batch):
            raw = super().run(batch)
            raw.scores[:] = 0.9000004
            return raw

    screener = Screener(settings, [covid(Edge(1)), nih(Edge(8))])
    (screening,) = screener.screen([given("a", film(200, height=100, width=200))], floor=0.9000003)
    assert screening.findings == ()


@pytest.mark.parametrize("floor", [-0.1, 1.1, float("nan")])
def test_a_floor_that_is_no_score_is_an_error_at_once(screener, floor):
    with pytest.raises(RecordError, match="floor"):
        screener.screen([], floor)


def test_refusals_of_loading_and_of_reading_are_screenings_too(screener):
    def too_large() -> bytes:
        raise TooLarge("The file is larger than 200 MB. Send the film alone.")

    found = list(screener.screen([InputFile("bomb.zip/a", too_large), TEXT, given("ok.png", film(90))]))
    assert [item.status for item in found] == ["refused", "refused", "screened"]
    assert (found[0].sha256, found[0].refusal.code) == ("", "too_large")
    assert found[1].sha256 == digest(b"this is no picture")
    assert found[1].refusal.message
    assert found[0].models == found[2].models


def test_one_film_waits_for_no_second(screener):
    """A ward sends films one at a time: the second is not even readable before the first one's result is seen."""
    seen = threading.Event()

    def after_the_first() -> bytes:
        assert seen.wait(60), "the first result was held back until a batch was full"
        return film(99)

    results = screener.screen([given("first", film(99)), InputFile("second", after_the_first)])
    assert next(results).file == "first"
    seen.set()
    assert next(results).file == "second"


def test_a_refusal_in_front_does_not_wait_for_the_models(settings):
    class Waits(BrightnessNetwork):
        def run(self, batch):
            assert seen.wait(60), "the refusal was held back until the models had answered"
            return super().run(batch)

    seen = threading.Event()
    results = Screener(settings, [covid(Waits(1)), nih()]).screen([TEXT, given("a", film(99))])
    assert next(results).status == "refused"
    seen.set()
    assert next(results).status == "screened"


def test_films_that_wait_go_through_the_models_together(settings):
    """While the models are busy with the first film the others are read; then they form full batches."""
    read = threading.Semaphore(0)

    class WaitsForReaders(BrightnessNetwork):
        def run(self, batch):
            if not self.batches:
                for _ in range(8):  # two batches may wait
                    assert read.acquire(timeout=60)
            return super().run(batch)

    def loaded(number: int) -> InputFile:
        def load() -> bytes:
            read.release()
            return film(100 + number)

        return InputFile(str(number), load)

    network = WaitsForReaders(1)
    found = list(Screener(settings, [covid(network), nih()]).screen(loaded(number) for number in range(13)))
    assert len(found) == sum(network.batches) == 13
    assert max(network.batches) > 1
    assert max(network.batches) <= settings.batch_size
    assert network.threads == {"engine"}, "models run in one thread, whoever asks"


def test_an_input_is_loaded_before_the_next_one_is_asked_for(screener):
    """Members of an archive can be unpacked only while it is open at their place."""
    open_now = []

    def members():
        for number in range(20):
            open_now[:] = [number]

            def load(number: int = number) -> bytes:
                assert open_now == [number]
                return film(60 + number)

            yield InputFile(str(number), load)

    assert [item.status for item in screener.screen(members())] == ["screened"] * 20


def test_closing_early_stops_reading(screener):
    loaded = []

    def endless():
        for number in count():
            loaded.append(number)
            yield given(str(number), film(77))

    results = screener.screen(endless())
    assert [item.file for item in islice(results, 3)] == ["0", "1", "2"]
    results.close()
    assert not _reading_threads()
    assert len(loaded) < 3 + 2 * 4 + 4 + 3


def test_films_are_read_side_by_side_at_default_settings(tmp_path, monkeypatch):
    """Two ordinary films need far less than the largest one allowed: each waits inside its reader for the other."""
    monkeypatch.setattr(pipeline, "cores", lambda: 2)
    both, real = threading.Barrier(2, timeout=60), opening.read

    def together(*arguments):
        both.wait()
        return real(*arguments)

    monkeypatch.setattr(opening, "read", together)
    inputs = [given(f"{number}.png", film(80 + number)) for number in range(6)]
    found = list(Screener(Settings(data_dir=tmp_path), [covid(), nih()]).screen(inputs))
    assert [(item.file, item.status) for item in found] == [(item.name, "screened") for item in inputs]


def test_films_that_fill_the_memory_are_read_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "cores", lambda: 4)
    monkeypatch.setattr(opening, "need_mb", lambda *_: 65)
    inside, most, real = [], [0], opening.read

    def counted(*arguments):
        inside.append(1)
        most[0] = max(most[0], len(inside))
        try:
            return real(*arguments)
        finally:
            inside.pop()

    monkeypatch.setattr(opening, "read", counted)
    screener = Screener(Settings(data_dir=tmp_path, memory_mb=64), [covid(), nih()])
    inputs = [given(f"{number}.png", film(80 + number)) for number in range(12)]
    assert [item.file for item in screener.screen(inputs)] == [item.name for item in inputs]
    assert most == [1]


def test_a_programming_error_is_not_swallowed_and_earlier_results_come_first(screener):
    def broken() -> bytes:
        raise ZeroDivisionError("a bug")

    results = screener.screen([given("a", film(70)), TEXT, InputFile("b", broken), given("c", film(70))])
    assert [next(results).file, next(results).file] == ["a", "notes.png"]
    with pytest.raises(ZeroDivisionError, match="a bug"):
        next(results)
    assert not _reading_threads()


@dataclass
class Picky(BrightnessNetwork):
    """Fails whenever a film as bright as ``stumbles`` is in the batch."""

    stumbles: int = 240

    def run(self, batch):
        if (batch.max(axis=(1, 2, 3)) == self.stumbles).any():
            raise ModelError("out of memory")
        return super().run(batch)


def test_a_film_that_a_model_fails_on_is_refused_alone(settings, store):
    screener = Screener(settings, [covid(Picky(1)), nih()])
    inputs = [given(f"{grey}.png", film(grey)) for grey in (100, 120, 240, 140, 160, 180)]
    found = [arrival.entry for arrival in take_in(inputs, screener, store)]
    assert [entry.screening.file for entry in found] == [item.name for item in inputs]
    codes = [entry.screening.refusal.code if entry.screening.refusal else "" for entry in found]
    assert codes == ["", "", "model_failed", "", "", ""]
    assert store.entries() == tuple(found)
    (again,) = take_in(inputs[2:3], Screener(settings, [covid(), nih()]), store)
    assert again.entry.screening.status == "screened", "it is tried again when it is sent again"


def test_the_time_of_arrival_is_that_of_the_upload_where_it_is_told(screener, store):
    sent = datetime(2026, 1, 2, 3, tzinfo=UTC)
    (arrival,) = take_in([given("a.png", film(200))], screener, store, received_at=sent)
    assert arrival.entry.received_at == sent


def test_what_is_known_is_passed_on_under_its_new_name(screener):
    (first,) = screener.screen([given("old-name", film(120))])
    memory = {first.sha256: first}
    network_free = Screener(Settings(), [covid(BrightnessNetwork(1)), nih()])
    found = list(network_free.screen([given("new-name", film(120)), TEXT], known=memory.get))
    assert (found[0].file, found[0].scores) == ("new-name", first.scores)
    assert found[1].status == "refused"
    assert all(detector.runtime.batches == [] for detector in network_free.detectors)


def test_a_name_that_is_no_unicode_is_shown_with_escapes(screener):
    (screening,) = screener.screen([given("bad\udcff\0.png", film(50))])
    assert screening.file == "bad\\udcff\\x00.png"


def test_a_label_without_a_model_is_named(settings):
    with pytest.raises(ModelNotFound, match=r"COVID-19.*covid_ssd"):
        Screener(settings, [nih()])
    with pytest.raises(ModelNotFound, match=r"Nodule.*nih_ssd"):
        Screener(settings, [covid()])


def test_no_model_at_all_is_said_so(tmp_path):
    with pytest.raises(ModelNotFound):
        Screener(Settings(models_dir=tmp_path))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_foreign_model_adds_boxes_of_its_own_labels_only(settings, place):
    class Dark(BrightnessNetwork):
        def run(self, batch):
            return super().run(np.zeros_like(batch) + 25.5)

    foreign = Detector(card("a_hospital", ["Pneumonia", "Fracture"], threshold=0.9), Dark(2))
    detectors = [covid(), nih()]
    detectors.insert(place, foreign)
    screener = Screener(settings, detectors)
    (screening,) = screener.screen([given("a", film(255))])
    assert list(screening.scores) == list(LABELS)
    assert screening.scores["Pneumonia"] == 1.0, "the home model speaks for its labels"
    found = {(item.label, item.score) for item in screening.findings}
    assert ("Fracture", 0.1) in found
    assert ("Pneumonia", 1.0) in found
    assert ("Pneumonia", 0.1) not in found
    assert screener.thresholds("balanced")["Pneumonia"] == 0.6
    assert "Fracture" not in screener.thresholds("balanced") | screener.urgencies


def test_a_foreign_model_may_stand_in_for_a_home_model(settings):
    foreign = Detector(card("their_covid", [COVID]), BrightnessNetwork(1))
    screener = Screener(settings, [foreign, nih()])
    (screening,) = screener.screen([given("a", film(255))])
    assert screening.scores[COVID] == 1.0
    assert [ref.name for ref in screener.models] == ["their_covid", "nih_ssd"]


def test_a_model_without_a_say_is_not_run_and_named(settings):
    network = BrightnessNetwork(1)
    spare = Detector(card("zz_spare", [COVID]), network)
    screener = Screener(settings, [covid(), nih(), spare])
    list(screener.screen([given("a", film(255))]))
    assert network.batches == []
    assert [card.name for card in screener.cards] == ["covid_ssd", "nih_ssd"]
    assert [card.name for card in screener.unused] == ["zz_spare"]


def test_thresholds_and_urgencies_come_from_the_cards(screener):
    assert screener.thresholds("balanced") == dict.fromkeys(LABELS, 0.6)
    assert screener.thresholds("sensitive") == dict.fromkeys(LABELS, 0.3)
    assert screener.thresholds("specific") == dict.fromkeys(LABELS, 0.5), "0.5 where a card names none"
    assert screener.urgencies == dict.fromkeys(LABELS, "soon") | {COVID: "urgent"}
    with pytest.raises(RecordError, match="preset"):
        screener.thresholds("mine")


def test_other_weights_have_another_key(settings):
    first = Screener(settings, [covid(), nih()])
    assert Screener(settings, [nih(), covid()]).models_key == first.models_key
    assert Screener(settings, [covid(version="2"), nih()]).models_key != first.models_key


def test_threads_may_share_a_screener(screener):
    answers = {}

    def session(grey: int) -> None:
        answers[grey] = [item.scores["Mass"] for item in screener.screen([given("a", film(grey))] * 5)]

    threads = [threading.Thread(target=session, args=(grey,)) for grey in (85, 102, 153, 204)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {grey: [round(grey / 255, 6)] * 5 for grey in (85, 102, 153, 204)}


def test_taking_in_keeps_films_screenings_and_refusals(screener, store):
    data = film(200)
    arrivals = list(take_in([given("a.png", data), TEXT], screener, store, synthetic=True))
    assert [arrival.known for arrival in arrivals] == [False, False]
    assert store.entries() == tuple(arrival.entry for arrival in arrivals)
    assert store.film(digest(data)) == data
    assert store.film(digest(b"this is no picture")), "a refused file is kept as well"
    assert all(entry.synthetic for entry in store.entries())


def test_the_second_upload_of_an_image_is_recognised(screener, store):
    list(take_in([given("a.png", film(200))], screener, store))
    before = screener.detectors[0].runtime.batches[:]
    (arrival,) = take_in([given("copy of a.png", film(200))], screener, store)
    assert arrival.known
    assert arrival.entry.screening.file == "a.png"
    assert screener.detectors[0].runtime.batches == before
    assert len(store.entries()) == 1


def test_the_same_image_twice_in_one_upload_is_one_entry(screener, store):
    arrivals = list(take_in([given("a.png", film(200)), given("b.png", film(200))], screener, store))
    assert [arrival.known for arrival in arrivals] == [False, True]
    assert len(store.entries()) == 1


def test_a_refused_image_is_read_again_when_it_comes_again(screener, store):
    list(take_in([TEXT], screener, store))
    (arrival,) = take_in([TEXT], screener, store)
    assert not arrival.known
    assert len(store.entries()) == 1


def test_new_weights_screen_a_known_film_anew(settings, screener, store):
    (first,) = take_in([given("a.png", film(200))], screener, store)
    (second,) = take_in([given("a.png", film(200))], Screener(settings, [covid(version="2"), nih()]), store)
    assert not second.known
    assert second.entry.received_at == first.entry.received_at
    assert len(store.history(first.entry.key)) == 2


def test_a_store_that_fails_stops_the_intake_with_its_error(settings, screener, store):
    films = settings.data_dir / "films"
    films.rmdir()
    films.write_text("in the way")
    with pytest.raises(StoreError, match="kept"):
        list(take_in([given("a.png", film(200))], screener, store))
    assert not _reading_threads()


def test_an_intake_that_is_stopped_keeps_what_it_had(screener, store):
    arrivals = take_in((given(str(n), film(50 + n)) for n in range(40)), screener, store)
    first = next(arrivals)
    arrivals.close()
    kept = [entry.screening.file for entry in store.entries()]
    assert kept[0] == first.entry.screening.file == "0"
    assert kept == [str(number) for number in range(len(kept))], "what was ready with it is kept too, and no other"
    assert len(kept) <= 4, "a batch at most"
    assert not _reading_threads()


def test_a_film_that_another_run_kept_meanwhile_is_recognised(screener, store):
    """Its reader found nothing in the store; when it is to be kept, the other run has been quicker."""
    data = film(200)
    slow = take_in([given("slow.png", data)], screener, store)
    asked = store.find

    def quicker(*args):
        store.find = asked
        found = asked(*args)
        list(take_in([given("quick.png", data)], screener, store))
        return found

    store.find = quicker
    (arrival,) = slow
    assert arrival.known
    assert arrival.entry.screening.file == "quick.png"
    assert store.audit(action="screened")[1] == 1


def test_one_film_that_cannot_be_kept_costs_no_other_its_place(screener, store, monkeypatch):
    """They came to the store together; those before it are kept, and the error stands at its place."""
    keep = store.save_all

    def refuse(arrivals, **more):
        if any(screening.file == "2" for screening, _ in arrivals):
            raise StoreError("no room for 2")
        return keep(arrivals, **more)

    monkeypatch.setattr(store, "save_all", refuse)
    seen = []
    with pytest.raises(StoreError, match="no room for 2"):
        seen.extend(
            arrival.entry.screening.file
            for arrival in take_in([given(str(n), film(50 + n)) for n in range(4)], screener, store)
        )
    assert seen == ["0", "1"]


def test_known_new_refused_and_unread_inputs_come_out_of_one_group_in_their_places(screener, store):
    def absent():
        raise NotAnImage("gone")

    list(take_in([given("old.png", film(90))], screener, store))
    inputs = [
        InputFile("x", absent),
        given("again.png", film(90)),
        given("new.png", film(120)),
        TEXT,
        given("t", TEXT.load()),
        InputFile("y", absent),
        given("twice.png", film(120)),
    ]
    times = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(len(inputs))]
    arrivals = list(take_in(inputs, screener, store, received_at=times))
    assert [arrival.known for arrival in arrivals] == [False, True, False, False, False, False, True]
    assert [arrival.entry.received_at.hour for arrival in arrivals if not arrival.known][:1] == [0]
    assert arrivals[2].entry.received_at == times[2]
    assert arrivals[6].entry == arrivals[2].entry
    assert arrivals[3].entry.key == arrivals[4].entry.key
    assert arrivals[0].entry.key != arrivals[5].entry.key


def test_files_on_disk_and_in_archives_come_through(screener, settings, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "b.png").write_bytes(film(180))
    (folder / "a.txt").write_text("hello")
    found = list(screener.screen(from_paths([folder], settings)))
    assert [(item.file.rsplit("/", 1)[1], item.status) for item in found] == [
        ("a.txt", "refused"),
        ("b.png", "screened"),
    ]
    assert found[0].refusal.code == NotAnImage.code


class Stands(BrightnessNetwork):
    """Stands still at its first batch until told ``go``."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.began, self.go = threading.Event(), threading.Event()

    def run(self, batch):
        answer = super().run(batch)
        self.began.set()
        assert self.go.wait(60)
        return answer


def _screened_aside(screener: Screener, grey: int, films: int = 1):
    """A run in a thread of its own, and its scores of Mass."""
    scores: list[float] = []

    def run() -> None:
        scores.extend(item.scores["Mass"] for item in screener.screen([given("a", film(grey))] * films))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, scores


def test_runs_of_all_sessions_go_through_the_models_together(settings):
    network = Stands(1)
    screener = Screener(settings, [covid(network), nih()], [second()])
    first, _ = _screened_aside(screener, 90)
    assert network.began.wait(60)
    others = [_screened_aside(screener, grey) for grey in (102, 153, 204)]
    while engine.shared(settings).waiting < 4:
        threading.Event().wait(0.001)
    network.go.set()
    for thread, _ in (*others, (first, [])):
        thread.join()
    assert network.batches == [1, 3]
    assert [scores for _, scores in others] == [[round(grey / 255, 6)] for grey in (102, 153, 204)]


def test_switched_screeners_share_the_engine_and_mix_no_answers(settings):
    """Another set of second opinions is another batch, in the same thread."""
    network = Stands(1)
    screener = Screener(settings, [covid(network), nih()], [second()])
    alone = screener.switched({"covid_cnn": False})
    first, _ = _screened_aside(screener, 90)
    assert network.began.wait(60)
    with_one, without = list(screener.screen([])), []
    thread = threading.Thread(target=lambda: without.extend(alone.screen([given("a", film(204))])))
    thread.start()
    while engine.shared(settings).waiting < 2:
        threading.Event().wait(0.001)
    network.go.set()
    first.join()
    thread.join()
    assert with_one == []
    assert [item.opinions for item in without] == [()]
    assert network.threads == {"engine"}


def test_a_session_with_one_film_is_not_held_up_by_one_with_many(settings):
    """The long run's films all wait before the short one's film comes; it is in the next batch all the same."""
    network = Stands(1)
    screener = Screener(settings, [covid(network), nih()])
    many, _ = _screened_aside(screener, 90, films=60)
    assert network.began.wait(60)
    one, scores = _screened_aside(screener, 204)
    network.go.set()
    one.join()
    asked = sum(network.batches)
    assert scores == [0.8]
    assert asked < 60
    many.join()
    assert sum(network.batches) == 61


def test_a_run_that_is_closed_asks_the_models_for_nothing_more(settings):
    network = Stands(1)
    results = Screener(settings, [covid(network), nih()]).screen(given(str(n), film(90)) for n in range(50))
    runs = threading.Thread(target=lambda: next(results, None))
    runs.start()
    assert network.began.wait(60)
    while engine.shared(settings).waiting < 2 * settings.batch_size:
        threading.Event().wait(0.001)
    network.go.set()
    runs.join()
    results.close()
    engine.shared(settings).close()
    assert sum(network.batches) <= 1 + 3 * settings.batch_size
    assert not _reading_threads()
