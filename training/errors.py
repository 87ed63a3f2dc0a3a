"""Everything training raises on purpose.

    CxrError
    └── TrainingError
        ├── DataError             the data cannot be trained on; raised before the first step
        │   ├── MissingData       a table or an image that the tables name is not there, or cannot be decoded
        │   ├── BadBox            a box outside its picture or without area
        │   ├── UnknownLabel      a label, finding, source or fold this recipe does not know
        │   ├── BadFile           an annotation, record or review that cannot be parsed
        │   └── EmptyClass        a class or a stratum without a single example to learn from
        ├── RecipeError           a recipe that does not exist or contradicts itself
        ├── RunError              a run folder that is missing, unfinished or belongs to other settings
        ├── WeightsError          a file of ImageNet weights that is not what it should be
        └── Diverged              the loss is no longer a number

Messages name the file and the row, what was expected, and what to do.
"""

from __future__ import annotations

from cxr_core.errors import CxrError


class TrainingError(CxrError):
    """Base of every error training raises on purpose."""


class DataError(TrainingError):
    """The data cannot be trained on."""


class MissingData(DataError):
    """A table or an image is not there, or cannot be decoded."""


class BadBox(DataError):
    """A box lies outside its picture or has no area."""


class UnknownLabel(DataError):
    """A label, finding, source or fold this recipe does not know."""


class BadFile(DataError):
    """An annotation, a record or a line of reviews cannot be parsed."""


class EmptyClass(DataError):
    """A class or a stratum has no example."""


class RecipeError(TrainingError):
    """No such recipe, or one that contradicts itself."""


class RunError(TrainingError):
    """A run folder is missing, unfinished, or was made with other settings."""


class WeightsError(TrainingError):
    """A file of ImageNet weights is not what it should be."""


class Diverged(TrainingError):
    """The loss is no longer a number."""
