"""What a figure was measured on: processor, cores, memory, system, versions. No host name, no user, no path."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("ai-edge-litert", "tensorflow", "tensorflow-cpu", "torch", "numpy")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> list[str]:
    """One fact a line."""
    return [
        f"Processor: {_processor()}, {cores()} of {os.cpu_count()} cores used",
        f"Memory: {_memory_gb()}; load when the run began: {_load()}",
        f"System: {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "Packages: " + ", ".join(f"{name} {version}" for name, version in _versions().items()),
    ]


def resident_mb() -> float:
    """Megabytes that this process and all below it hold now; Linux only, NaN elsewhere."""
    if not Path("/proc/self/status").is_file():
        return float("nan")
    held, parent = {}, {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
        except OSError:
            continue  # it ended meanwhile
        number = int(path.parent.name)
        held[number], parent[number] = int(facts.get("VmRSS", "0 kB").split()[0]) * 1024 / 1e6, int(facts["PPid"])
    ours = {os.getpid()}
    for _ in parent:  # as deep as there are processes
        more = {number for number, above in parent.items() if above in ours} - ours
        if not more:
            break
        ours |= more
    return sum(held.get(number, 0.0) for number in ours)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
