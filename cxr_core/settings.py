"""One frozen Settings; the only reader of the environment.

In: CXR_* variables. Out: checked values. Every setting, its variable, its meaning and its default stand in the fields
below; ``python -m cxr_core settings`` prints them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cxr_core.errors import SettingsError

_PACKAGED_MODELS = Path(__file__).resolve().parent.parent / "models"


BYTES_A_PIXEL = 10
"""Most memory that a pixel takes while its film is read: 16-bit RGB with alpha (8) beside its greys (2). A grey film
takes half. The file's own bytes come on top, once as received and once as the decoder is given them."""


def _setting(
    default: Any, meaning: str, low: float | None = None, high: float | None = None, *, secret: bool = False
) -> Any:
    facts = {"meaning": meaning, "low": low, "high": high, "secret": secret}
    return field(default=default, repr=not secret, metadata=facts)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every knob. ``Settings()`` is the default; ``Settings.from_environment()`` honours CXR_*.

    The variable of a field is its name in capitals behind ``CXR_``: ``data_dir`` is CXR_DATA_DIR.
    """

    data_dir: Path = _setting(Path.home() / ".cxr-screening", "where films and the embedded database live")
    database_url: str = _setting("", "SQLAlchemy URL; empty means SQLite in the data folder")
    site_file: str = _setting("", "TOML file of what the site decides; empty means site.toml in the data folder")
    database_seconds: int = _setting(15, "longest wait for a database that is busy or gone, seconds", 1, 600)
    models_dir: Path = _setting(_PACKAGED_MODELS, "folder of model folders")
    runtime: str = _setting(
        "auto",
        "auto: TensorFlow where a GPU is seen, else litert_int8 where a model has that file, else litert; litert: "
        "LiteRT in single precision; litert_int8: mostly in 8 bits; tensorflow",
    )
    second_opinions: str = _setting(
        "all", "second opinions asked beside the detectors: all, none, or model names with commas between"
    )
    threads: int = _setting(0, "CPU threads a model may use; 0 means one a physical core, at most 8", 0, 256)
    batch_size: int = _setting(8, "images a model sees at once", 1, 512)
    batch_wait_ms: int = _setting(
        5, "longest that a film waits for others to fill a batch, ms; never on LiteRT, which gains nothing", 0, 10_000
    )
    preset: str = _setting("balanced", "operating points a new site starts with: sensitive, balanced or specific")
    max_file_mb: int = _setting(200, "largest single file, MB", 1, 4096)
    max_upload_mb: int = _setting(2048, "most bytes accepted in one upload or unpacked from one archive, MB", 1, 65536)
    max_files: int = _setting(2000, "most images in one upload or archive", 1, 1_000_000)
    max_megapixels: int = _setting(60, "largest image, millions of pixels", 1, 2000)
    processes_from: int = _setting(
        32, "films of one run that are read in the program itself before processes of their own take over", 0, 1_000_000
    )
    film_seconds: int = _setting(120, "longest that such a process may take over one film, seconds", 1, 86_400)
    deidentify_secret: str = _setting(
        "", "key of all pseudonyms, 16 characters or more; empty means one made in the data folder", secret=True
    )
    fhir_token: str = _setting("", "bearer token of the FHIR server that results are posted to", secret=True)
    gate: str = _setting(
        "on",
        "check of what a picture shows, before the models: on, required (nothing is screened without it), "
        "tags (entries of DICOM files alone) or off",
    )
    memory_mb: int = _setting(
        1024, "most memory for films being decoded, MB; one that needs more is decoded alone", 64, 1_048_576
    )

    def __post_init__(self) -> None:
        _one_of("CXR_RUNTIME", self.runtime, ("auto", "litert", "litert_int8", "tensorflow"))
        _one_of("CXR_GATE", self.gate, ("on", "required", "tags", "off"))
        _one_of("CXR_PRESET", self.preset, ("sensitive", "balanced", "specific"))
        for spec in fields(self):
            low, high, value = spec.metadata["low"], spec.metadata["high"], getattr(self, spec.name)
            if low is not None and not low <= value <= high:
                raise SettingsError(f"{variable(spec.name)} must lie between {low} and {high}, got {value}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from CXR_* variables; raises SettingsError for a value of the wrong kind."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for spec in fields(cls):
            text = environ.get(variable(spec.name), "").strip()
            if text:
                values[spec.name] = _parse(spec.name, text, type(spec.default))
        return cls(**values)

    @property
    def resolved_database_url(self) -> str:
        """The database to open: the configured one, else SQLite in the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'cxr.sqlite3').as_posix()}"

    @property
    def resolved_site_file(self) -> Path:
        """The site file to read: the configured one, else the one in the data folder."""
        return Path(self.site_file).expanduser() if self.site_file else self.data_dir / "site.toml"

    @property
    def named_opinions(self) -> tuple[str, ...]:
        """The second opinions that are asked for by name; none for "all" and for "none"."""
        names = dict.fromkeys(name.strip() for name in self.second_opinions.split(","))
        return tuple(name for name in names if name and name not in ("all", "none"))

    def wants_opinion(self, name: str) -> bool:
        """Whether this second opinion is asked, unless the site has switched it otherwise."""
        return self.second_opinions.strip() == "all" or name in self.named_opinions

    @property
    def largest_film_mb(self) -> int:
        """Memory that reading a film of the largest size takes, MB."""
        return BYTES_A_PIXEL * self.max_megapixels + 2 * self.max_file_mb


def cores() -> int:
    """CPU cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # honours containers and taskset; Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def physical_cores() -> int:
    """The same without counting a core twice that runs two threads at once: arithmetic gains nothing by its second."""
    if not hasattr(os, "sched_getaffinity"):
        return cores()
    place = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    try:
        return len({Path(place.format(cpu)).read_text(encoding="ascii") for cpu in os.sched_getaffinity(0)})
    except OSError:
        return cores()


def variable(name: str) -> str:
    """The environment variable of a field."""
    return f"CXR_{name.upper()}"


def _parse(name: str, text: str, kind: type) -> Any:
    if issubclass(kind, Path):
        return Path(text).expanduser()
    if kind is int:
        try:
            return int(text)
        except ValueError as exc:
            raise SettingsError(f"{variable(name)} must be a whole number, got {text!r}") from exc
    return text


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
