"""The pinned requirement files agree with each other."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _pins(name: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {line for line in lines if line and not line.startswith(("-r", "tensorflow"))}


def test_gpu_and_cpu_hosts_differ_only_in_tensorflow() -> None:
    assert _pins("requirements-gpu.txt") == _pins("requirements.txt")


def test_every_requirement_is_pinned_exactly_and_held_by_the_constraints() -> None:
    constraints = {line.split("==")[0].lower(): line for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for pin in _pins("requirements.txt") | _pins("requirements-dev.txt"):
        name, _, version = pin.partition("==")
        assert version, f"{pin} is not pinned"
        assert constraints[name.lower()].endswith(f"=={version}")
