"""Validators of other makers, from Debian's packages; a test that needs one skips with its package's name."""

import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {"dciodvfy": "dicom3tools", "dsrdump": "dcmtk", "dcmp2pgm": "dcmtk"}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not here: install the Debian package {PACKAGES[name]}")
    return path


def complaints(data: bytes, folder: Path) -> list[str]:
    """The errors that dciodvfy finds in a DICOM file; its warnings are about what the film itself left empty."""
    path = folder / "object.dcm"
    path.write_bytes(data)
    said = subprocess.run([tool("dciodvfy"), str(path)], capture_output=True, text=True, check=False, timeout=60)
    lines = (said.stdout + said.stderr).splitlines()
    assert any("Error" not in line and "Warning" not in line for line in lines), lines  # it names the IOD it knows
    return [line for line in lines if line.startswith(("Error", "Abort"))]


def dumped(data: bytes, folder: Path) -> str:
    """What dsrdump makes of a structured report, which it reads by the standard's own rules."""
    path = folder / "report.dcm"
    path.write_bytes(data)
    said = subprocess.run([tool("dsrdump"), str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode == 0, said.stderr
    assert "E:" not in said.stderr, said.stderr
    return said.stdout
