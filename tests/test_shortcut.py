"""The shortcut alarm: raised where a score stands without the film's own lungs, silent where nothing can be said."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest

from cxr_core import shortcut
from cxr_core.answers import Film, Panel, answer
from cxr_core.card import InputSpec, LabelCard, ModelCard
from cxr_core.detect import Detector
from cxr_core.detect.raw import RawOutput
from cxr_core.errors import ModelError
from cxr_core.prepare import Placement
from cxr_core.records import INFORMS, LABELS, ImageFacts, Notice, OperatingPoint, Seconds
from cxr_core.settings import Settings

SPEC = InputSpec(64, 64)
LUNGS = (0.125, 0.125, 0.875, 0.875)  # ymin, xmin, ymax, xmax: pixels 8 to 56
CARD = ModelCard(
    name="covid_ssd", version="1", title="", task="", created="", input=SPEC, files={},
    labels=(
        LabelCard(1, shortcut.LUNGS, None),
        LabelCard(2, "covid_19_positive", "COVID-19", operating_points={"sensitive": OperatingPoint(0.3)}),
    ),
)  # fmt: skip
CLEAR = np.full((96, 96), 20, np.float32)
CLEAR[:8] = CLEAR[-8:] = CLEAR[:, :8] = CLEAR[:, -8:] = 100  # a chest wall around dark lungs


@dataclass
class Reader:
    """Scores a film by the mean grey of one of its places, 0 to 1; ``framed`` is the score of the lungs' box."""

    rows: slice
    columns: slice
    framed: float = 0.9
    box: tuple[float, float, float, float] = LUNGS
    name: str = "fake"
    has_maps: bool = False
    batches: list[int] = field(default_factory=list)
    fails_from: int = 99

    def run(self, batch):
        self.batches.append(len(batch))
        if len(self.batches) >= self.fails_from:
            raise ModelError("broken")
        covid = batch[:, self.rows, self.columns].mean((1, 2, 3)) / 255
        scores = np.stack([np.full(len(batch), 0.5), covid], 1).astype(np.float32)
        boxes = np.broadcast_to(np.float32(self.box), (len(batch), 1, 1, 4))
        found = np.tile(np.float32([self.framed, 0.0]), (len(batch), 1))
        return RawOutput(scores, boxes, found[:, None])


class Everything(Reader):
    """The same score for all nine findings."""

    def run(self, batch):
        said = super().run(batch)
        more = np.repeat(said.image_scores[:, 1:], len(LABELS) - 1, 1)
        scores = np.concatenate([said.scores, np.zeros((len(batch), 1, len(LABELS) - 1), np.float32)], -1)
        return RawOutput(np.concatenate([said.image_scores, more], 1), said.boxes, scores)


def lungs_reader(**facts):
    return Reader(slice(24, 40), slice(24, 40), **facts)


def mark_reader(**facts):
    return Reader(slice(0, 4), slice(0, 4), **facts)


def films(*greys):
    """Films of a grey chest, each with its own lungs and a mark in the corner as bright as these."""
    found = []
    for grey in greys:
        film = np.full((64, 64, 1), 100, np.float32)
        film[16:48, 16:48] = grey
        film[0:4, 0:4] = grey
        found.append(film)
    return np.stack(found)


def asked(network, batch, floor=0.05, clear=None, card=CARD):
    detector = Detector(card, network)
    alarm = shortcut.Alarm({"covid_ssd": CLEAR} if clear is None else clear)
    return alarm(detector, batch, detector.detect(batch, floor))


def test_a_score_that_comes_from_a_mark_raises_the_alarm():
    assert asked(mark_reader(), films(200)) == (shortcut.NOTICE,)


def test_a_score_that_comes_from_the_lungs_raises_none():
    assert asked(lungs_reader(), films(200)) == (None,)


def test_the_alarm_informs_and_does_not_make_a_reading_doubtful():
    assert shortcut.NOTICE.code == "may_follow_origin"
    assert shortcut.NOTICE.code in INFORMS


def test_only_films_at_or_above_the_sensitive_point_cost_a_second_run_and_each_answer_is_its_own_film_s():
    network = mark_reader()
    found = asked(network, films(10, 200, 70, 220, 0.3 * 255))
    assert found == (None, shortcut.NOTICE, None, shortcut.NOTICE, shortcut.NOTICE)
    assert network.batches == [5, 3]


def test_nothing_flagged_costs_nothing():
    network = mark_reader()
    assert asked(network, films(10, 20)) == (None, None)
    assert network.batches == [2]


def test_lungs_that_lie_below_the_floor_are_asked_for():
    network = lungs_reader(framed=0.02)
    assert asked(network, films(200)) == (None,)
    assert network.batches == [1, 1, 1]
    assert asked(mark_reader(framed=0.02), films(200)) == (shortcut.NOTICE,)


@pytest.mark.parametrize(
    "facts",
    [{"clear": {}}, {"clear": {"another": CLEAR}}, {"card": replace(CARD, labels=(LabelCard(1, "x", "COVID-19"),))}],
)
def test_a_model_without_clear_lungs_or_without_the_point_raises_no_alarm(facts):
    network = mark_reader()
    if "card" in facts:
        batch, detector = films(200), Detector(CARD, network)
        said = detector.detect(batch)
        alarm = shortcut.Alarm({"covid_ssd": CLEAR})
        assert alarm(Detector(facts["card"], network), batch, said) == (None,)
    else:
        assert asked(network, films(200), **facts) == (None,)
    assert network.batches == [1]


def test_without_lungs_on_the_film_nothing_is_said():
    assert asked(mark_reader(box=(0.1, 0.1, 0.2, 0.9)), films(200)) == (None,)
    assert asked(mark_reader(framed=0.0), films(200)) == (None,)


def test_a_network_that_fails_at_the_second_look_costs_no_screening():
    assert asked(mark_reader(fails_from=2), films(200, 10)) == (None, None)


def test_the_notice_stands_behind_the_film_s_own_and_only_on_the_film_that_it_is_about():
    labels = (*CARD.labels, *(LabelCard(3 + n, name, name) for n, name in enumerate(LABELS[1:])))
    detector = Detector(replace(CARD, labels=labels), Everything(slice(0, 4), slice(0, 4)))
    panel = Panel(((detector, frozenset(LABELS)),), (), shortcut.Alarm({"covid_ssd": CLEAR}))
    before, place = Notice("burned_in_text", "Text."), Placement.fit(64, 64, SPEC)
    waiting = [
        Film("a.png", "0", ImageFacts(64, 64, None, "png"), (before,), {SPEC: (film, place)}, Seconds(0, 0))
        for film in films(200, 10)
    ]
    first, second = answer(waiting, panel, 0.05)
    assert first.warnings == (before, shortcut.NOTICE)
    assert second.warnings == (before,)
    first, _ = answer(waiting, replace(panel, alarm=None), 0.05)
    assert first.warnings == (before,)


def test_other_clear_lungs_make_another_run():
    one, other = (shortcut.Alarm({"covid_ssd": CLEAR + step}).ref for step in (0, 1))
    assert one != other
    assert one == shortcut.Alarm({"covid_ssd": CLEAR.copy()}).ref


def test_clear_lungs_take_the_greys_of_what_surrounds_them_and_leave_the_rest_alone():
    detector = Detector(CARD, lungs_reader())
    film = films(200)[0] + np.linspace(0, 40, 64, dtype=np.float32)[None, :, None]
    covered = shortcut.cleared(film, (8.0, 8.0, 56.0, 56.0), CLEAR, detector)
    assert covered.dtype == np.float32
    assert np.array_equal(covered[:8], film[:8])
    assert np.array_equal(covered[:, 57:], film[:, 57:])
    assert covered[24:40, 24:40].mean() < 0.6 * film[24:40, 24:40].mean()
    assert abs(covered[8, 8:56].mean() - film[8, 8:56].mean()) < 1
    assert covered.min() >= 0
    assert covered.max() <= 255


def test_clear_lungs_are_found_beside_the_models_and_a_broken_file_is_passed_over(tmp_path, caplog):
    settings = Settings(models_dir=tmp_path)
    assert shortcut.load(settings) is None
    for name, data in (("covid_ssd", cv2.imencode(".png", CLEAR.astype(np.uint8))[1].tobytes()), ("other", b"x")):
        (tmp_path / name).mkdir()
        (tmp_path / name / shortcut.CLEAR_LUNGS).write_bytes(data)
    alarm = shortcut.load(settings)
    assert alarm is not None
    assert set(alarm.clear) == {"covid_ssd"}
    np.testing.assert_array_equal(alarm.clear["covid_ssd"], CLEAR)
    assert "other" in caplog.text
