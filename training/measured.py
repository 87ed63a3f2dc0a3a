"""What an evaluation hands to the card: one record, whatever the system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.calibrate import Calibrated


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """``metrics`` and ``curves`` as the card holds them; calibration and box threshold by label name."""

    metrics: Mapping[str, Any]
    curves: Mapping[str, Any]
    calibrated: Mapping[str, Calibrated]
    box_thresholds: Mapping[str, float]
