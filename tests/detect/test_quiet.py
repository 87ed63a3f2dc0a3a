"""Known chatter is held back; everything else still reaches stderr."""

import os
import subprocess
import sys

from cxr_core.detect.quiet import without_chatter


def test_chatter_is_dropped_and_news_is_kept(capfd):
    with without_chatter():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"ERROR: something broke\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "ERROR: something broke\nafterwards\n"


def test_news_is_kept_when_loading_fails(capfd):
    try:
        with without_chatter():
            os.write(2, b"ERROR: why it failed\n")
            raise ValueError("failed")
    except ValueError:
        pass
    assert capfd.readouterr().err == "ERROR: why it failed\n"


def test_a_program_without_stderr_is_no_trouble():
    code = (
        "import os; os.close(2); from cxr_core.detect.quiet import without_chatter\n"
        "with without_chatter():\n    print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "fine\n")
