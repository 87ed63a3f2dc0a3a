"""Exports of a tiny real network, so that the runtimes run what they will meet."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cxr_core import detect
from cxr_core.settings import Settings
from tests.detect import networks


@pytest.fixture(autouse=True)
def _forget_models():
    detect.clear()
    yield
    detect.clear()


@dataclass(frozen=True)
class Exports:
    """Folders of one tiny network: as ours, and as a foreign export that takes any batch or only one picture."""

    ours: Path
    foreign: Path
    foreign_one: Path


@pytest.fixture(scope="session")
def tf():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow  # noqa: PLC0415  (only the tests that ask for it pay for it)

    return tensorflow


@pytest.fixture(scope="session")
def exports(tmp_path_factory, tf) -> Exports:
    root = tmp_path_factory.mktemp("exports")
    net = networks.tiny_network(tf)
    networks.export_ours(tf, net, root / "ours" / "tiny")
    networks.export_foreign(tf, net, root / "foreign" / "export", batch=None)
    networks.export_foreign(tf, net, root / "foreign_one" / "export", batch=1)
    return Exports(root / "ours", root / "foreign", root / "foreign_one")


@pytest.fixture
def settings(exports, tmp_path) -> Settings:
    return Settings(data_dir=tmp_path, models_dir=exports.ours, threads=1, batch_size=3, runtime="litert")


@pytest.fixture(scope="session")
def batch() -> np.ndarray:
    """Seven films of whole greys, (7, 48, 64, 1) float32."""
    return (
        np.random.default_rng(3).integers(0, 256, (7, networks.SPEC.height, networks.SPEC.width, 1)).astype(np.float32)
    )
