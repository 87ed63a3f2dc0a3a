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
