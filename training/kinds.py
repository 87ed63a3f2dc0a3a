"""Which modules train, export and measure a recipe, by its kind.

In: a recipe. Out: the function that does it, imported only now: TensorFlow takes seconds to start.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

from training.recipe import System

Act = Literal["fit", "export", "evaluate"]

MODULES: Mapping[str, Mapping[Act, str]] = {
    "detector": {"fit": "training.fit", "export": "training.export", "evaluate": "training.evaluate"},
    "classifier": {
        "fit": "training.classifier_fit",
        "export": "training.classifier_export",
        "evaluate": "training.classifier_evaluate",
    },
}


def function(recipe: System, act: Act) -> Callable[..., Any]:
    """``fit``, ``export`` or ``evaluate`` for this recipe; all kinds' take the same arguments."""
    found: Callable[..., Any] = getattr(importlib.import_module(MODULES[recipe.kind][act]), act)
    return found
