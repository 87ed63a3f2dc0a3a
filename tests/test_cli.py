"""The command line as a user meets it: outputs, exit codes, going on after a kill, and no traceback."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cxr_core.__main__ import main
from cxr_core.detect import Detector
from cxr_core.errors import ModelNotFound
from cxr_core.export.table import read_csv
from cxr_core.journal import Journal
from cxr_core.pipeline import Screener
from cxr_core.read.sources import from_paths
from cxr_core.records import COVID, LABELS
from cxr_core.serial import from_json
from cxr_core.settings import Settings
from tests.fakes import BrightnessNetwork, Judge, card, covid, film, nih, second

ROOT = Path(__file__).resolve().parent.parent


def screener(settings) -> Screener:
    return Screener(settings, [covid(), nih()])


def no_models(settings):
    raise AssertionError("the models were loaded")


def run(*args, open_screener=screener) -> int:
    return main([str(arg) for arg in args], open_screener)


@pytest.fixture
def ward(tmp_path) -> Path:
    """A folder as a ward has it: films, a folder in the folder, an archive, a text that poses as a picture."""
    folder = tmp_path / "ward"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.png").write_bytes(film(100))
    (folder / "fake.png").write_text("no picture")
    (folder / "inner" / "b.PNG").write_bytes(film(250))
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.writestr("c.png", film(180))
    return folder


def _lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_lines_go_to_stdout_in_input_order(ward, capsys):
    assert run("screen", ward) == 0
    out, err = capsys.readouterr()
    lines = _lines(out)
    assert [Path(line["file"]).name for line in lines] == ["a.png", "fake.png", "b.PNG", "c.png"]
    assert lines[3]["file"] == f"{ward.as_posix()}/z.zip/c.png"
    assert [line["status"] for line in lines] == ["screened", "refused", "screened", "screened"]
    assert [line["rank"] for line in lines] == [4, 3, 1, 2]
    assert [line["urgency"] for line in lines] == ["routine", "check", "urgent", "urgent"]
    assert lines[1]["refusal"]["code"] == "not_an_image"
    assert all(list(line["scores"]) == list(LABELS) for line in lines if line["status"] == "screened")
    assert all(from_json(line).file == line["file"] for line in lines)
    assert "4/4" in err
    assert "3 screened, 1 refused, 2 flagged at the balanced thresholds" in err
    assert "Research use only" in err


def test_files_are_written_whole_and_the_journal_goes(ward, tmp_path, capsys):
    out, table = tmp_path / "out.jsonl", tmp_path / "out.csv"
    assert run("screen", ward, "--jsonl", out, "--csv", table) == 0
    assert capsys.readouterr().out == ""
    lines = _lines(out.read_text())
    rows = read_csv(table.read_bytes())
    assert [row.rank for row in rows] == [1, 2, 3, 4], "the table stands in the order of the queue"
    assert {row.sha256 for row in rows} == {line["sha256"] for line in lines}
    assert all(row.received_at <= row.screened_at for row in rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.jsonl", "ward"]


def test_a_table_alone_writes_no_json(ward, tmp_path, capsys):
    assert run("screen", ward, "--csv", tmp_path / "out.csv") == 0
    assert capsys.readouterr().out == ""
    assert len(list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text("utf-8-sig"))))) == 5


def test_an_output_inside_the_screened_folder_is_no_input(ward, tmp_path):
    for _ in range(2):
        assert run("screen", ward, "--jsonl", ward / "out.jsonl", "--csv", ward / "out.csv") == 0
        assert len(_lines((ward / "out.jsonl").read_text())) == 4


def test_the_preset_decides_flags_but_not_scores(ward, capsys):
    run("screen", ward)
    balanced = _lines(capsys.readouterr().out)
    run("screen", ward, "--preset", "sensitive")
    sensitive = _lines(capsys.readouterr().out)
    assert [line["scores"] for line in balanced] == [line["scores"] for line in sensitive]
    assert (balanced[0]["flagged"], len(sensitive[0]["flagged"])) == ([], 9)


def test_the_site_chooses_the_preset_by_its_settings(ward, capsys, monkeypatch):
    monkeypatch.setenv("CXR_PRESET", "sensitive")
    run("screen", ward)
    out, err = capsys.readouterr()
    assert "sensitive thresholds" in err
    assert len(_lines(out)[0]["flagged"]) == 9


def test_the_floor_leaves_boxes_out(ward, capsys):
    run("screen", ward, "--floor", "0.9")
    assert [len(line["findings"]) for line in _lines(capsys.readouterr().out)] == [0, 0, 9, 0]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["screen"], "PATH"),
        (["screen", "nowhere"], "no file or folder nowhere"),
        (["screen", ".", "--floor", "2"], "between 0 and 1"),
        (["screen", ".", "--floor", "much"], "--floor"),
        (["screen", ".", "--preset", "mine"], "balanced"),
        (["screen", ".", "--engine", "ray"], "ray is not part of this build"),
        (["screen", ".", "--engine", "gpu"], "must be local"),
        (["screen", ".", "--jsonl", "no/such/folder/out"], "cannot be written"),
        (["screen", ".", "--csv", "."], "cannot be written"),
        (["screen", ".", "--csv", "x", "--jsonl", "x"], "same file"),
        (["explain"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_wrong_arguments_exit_with_2_before_any_model_is_loaded(args, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        code = run(*args, open_screener=no_models)
    except SystemExit as exc:  # argparse leaves this way
        code = exc.code
    err = capsys.readouterr().err
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_exits_with_2(ward, capsys, monkeypatch):
    monkeypatch.setenv("CXR_BATCH_SIZE", "many")
    assert run("screen", ward, open_screener=no_models) == 2
    assert "CXR_BATCH_SIZE must be a whole number" in capsys.readouterr().err


def test_nothing_to_screen_exits_with_1(tmp_path, capsys):
    assert run("screen", tmp_path, open_screener=no_models) == 1
    assert "no files" in capsys.readouterr().err


def test_all_refused_exits_with_1_and_still_says_why(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("hello")
    assert run("screen", tmp_path) == 1
    (line,) = _lines(capsys.readouterr().out)
    assert line["refusal"]["code"] == "not_an_image"


def test_a_missing_model_exits_with_1_in_one_sentence(ward, capsys):
    def missing(settings):
        raise ModelNotFound("no model answers for Mass.")

    assert run("screen", ward, open_screener=missing) == 1
    assert capsys.readouterr().err == "python -m cxr_core: no model answers for Mass.\n"


def test_an_output_that_cannot_be_written_keeps_the_work(ward, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    (tmp_path / ".out.jsonl.whole").mkdir()
    assert run("screen", ward, "--jsonl", out) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert len((tmp_path / "out.jsonl.part").read_bytes().splitlines()) == 4


def test_ctrl_c_says_how_to_go_on_and_the_next_run_does(ward, tmp_path, capsys):
    class Stops(BrightnessNetwork):
        def run(self, batch):
            if sum(self.batches) + len(batch) > 2:
                raise KeyboardInterrupt
            return super().run(batch)

    out = tmp_path / "out.jsonl"
    slow = {"CXR_BATCH_SIZE": "1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(slow.items())))
        code = run("screen", ward, "--jsonl", out, open_screener=lambda s: Screener(s, [covid(Stops(1)), nih()]))
    assert code == 130
    assert "3 images are kept in" in capsys.readouterr().err
    assert not out.exists()
    network = BrightnessNetwork(1)
    assert run("screen", ward, "--jsonl", out, open_screener=lambda s: Screener(s, [covid(network), nih()])) == 0
    assert sum(network.batches) == 1, "only the film that was left is screened"
    assert len(_lines(out.read_text())) == 4


def test_ctrl_c_without_an_output_says_that_nothing_is_kept(ward, capsys):
    class Stops(BrightnessNetwork):
        def run(self, batch):
            raise KeyboardInterrupt

    assert run("screen", ward, open_screener=lambda s: Screener(s, [covid(Stops(1)), nih()])) == 130
    assert "--jsonl OUT" in capsys.readouterr().err


SCREENS = """
import sys
sys.path.insert(0, {root!r})
from cxr_core.__main__ import main
from cxr_core.pipeline import Screener
from tests.fakes import BrightnessNetwork, covid, nih

sys.exit(main(sys.argv[1:], lambda settings: Screener(settings, [covid(BrightnessNetwork(1)), nih()])))
"""


def test_a_reader_of_the_output_that_leaves_early_gets_no_traceback(ward):
    command = [sys.executable, "-c", SCREENS.format(root=str(ROOT)), "screen", str(ward)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 1
    assert "Traceback" not in error
    assert "BrokenPipe" not in error


def test_models_lists_what_screens(capsys):
    assert run("models") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("covid_ssd 1  on fake")
    assert second.startswith("nih_ssd 1  on fake")
    assert "Pneumothorax" in second


def test_models_lists_also_what_is_found_and_not_run(capsys):
    def with_spare(settings):
        spare = Detector(card("their_nih", ["Nodule", "Mass"]), BrightnessNetwork(2))
        return Screener(settings, [covid(), nih(), spare])

    assert run("models", open_screener=with_spare) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("their_nih 1  found but not run")
    assert "Nodule, Mass" in last


def test_models_tells_the_role_of_each_and_which_are_left_out(capsys, monkeypatch):
    monkeypatch.setenv("CXR_SECOND_OPINIONS", "covid_cnn")

    def with_second(settings):
        return Screener(settings, [covid(), nih()], [second(), second("radiography4", [COVID, "Lung opacity"])])

    assert run("models", open_screener=with_second) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["  detector  " in line for line in lines] == [True, True, False, False]
    assert lines[2].startswith("covid_cnn 1  on fake  second opinion")
    assert lines[3].startswith("radiography4 1  not asked: CXR_SECOND_OPINIONS leaves it out  second opinion")
    assert lines[3].endswith("COVID-19, Lung opacity")


def test_what_second_opinions_say_stands_in_lines_and_table(ward, tmp_path):
    out, table = tmp_path / "out.jsonl", tmp_path / "out.csv"

    def with_second(settings):
        return Screener(settings, [covid(), nih()], [second(network=Judge(1, 0.5))])

    assert run("screen", ward, "--opinions", "--jsonl", out, "--csv", table, open_screener=with_second) == 0
    bright = _lines(out.read_text())[2]
    assert [(item["model"], item["scores"]) for item in bright["opinions"]] == [("covid_cnn", {"COVID-19": 0.5})]
    assert 0.5 < bright["ensemble"]["COVID-19"] < bright["scores"]["COVID-19"]
    row = read_csv(table.read_bytes())[0]
    assert row.ensemble == bright["ensemble"]
    assert row.opinions[0].endswith("COVID-19 0.500000")


def test_a_stopped_run_does_not_go_on_with_answers_of_other_second_opinions(ward, tmp_path):
    """The journal of a run with another set of models is passed over."""
    out = tmp_path / "out.jsonl"
    before = Screener(Settings(), [covid(), nih()])
    with Journal(tmp_path / "out.jsonl.part", before.run_key, 0.05) as journal:
        for screening in before.screen(from_paths([ward], Settings())):
            journal.add(screening)

    def with_second(settings):
        return Screener(settings, [covid(), nih()], [second()])

    assert run("screen", ward, "--opinions", "--jsonl", out, open_screener=with_second) == 0
    assert all(line["opinions"] for line in _lines(out.read_text()) if line["status"] == "screened")


def test_settings_lists_every_variable_and_hides_a_password(capsys, monkeypatch):
    monkeypatch.setenv("CXR_DATABASE_URL", "postgresql://ward:hunter2@db/cxr")
    assert run("settings", open_screener=no_models) == 0
    out = capsys.readouterr().out
    for name in ("CXR_DATA_DIR", "CXR_MODELS_DIR", "CXR_RUNTIME", "CXR_MEMORY_MB", "CXR_PRESET", "CXR_MAX_FILE_MB"):
        assert f"{name}=" in out
    assert "postgresql://ward:***@db/cxr" in out
    assert "hunter2" not in out


@pytest.mark.parametrize("command", [[], ["screen"], ["models"], ["settings"]])
def test_help_is_there_for_every_command(command, capsys):
    with pytest.raises(SystemExit) as left:
        run(*command, "--help")
    assert left.value.code == 0
    assert "usage: python -m cxr_core" in capsys.readouterr().out


def test_help_of_screen_explains_exit_codes_and_going_on(capsys):
    with pytest.raises(SystemExit):
        run("screen", "--help")
    out = capsys.readouterr().out
    for word in ("--jsonl", "--csv", "--preset", "--floor", "--engine", "exit code", "OUT.part", "Research use only"):
        assert word in out


def test_the_site_s_policy_orders_and_a_broken_one_costs_no_result(ward, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_SITE_FILE", str(tmp_path / "site.toml"))
    (tmp_path / "site.toml").write_text('[triage.urgency]\n"COVID-19" = "soon"\n')
    run("screen", ward)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["urgency"] for line in lines if line["flagged"]} == {"soon"}
    (tmp_path / "site.toml").write_text("[triage]\nscore_weight = 99\n")
    assert run("screen", ward) == 0
    told = capsys.readouterr()
    assert "score_weight in [triage] must be a number between 0 and 4, got 99" in told.err
    assert {json.loads(line)["urgency"] for line in told.out.splitlines() if json.loads(line)["flagged"]} == {"urgent"}
