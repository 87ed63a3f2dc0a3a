"""The network with its losses and optimiser, as one Keras model that any backend can train.

In: batches (batches.py). Out: loss terms by name. It knows no files and no schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from training import losses
from training.batches import Batch
from training.network import Shape
from training.recipe import Recipe, System
from training.trunk import values

_TERMS = ("pooled", "attended", "location", "heat", "giou")


class TwoRates(keras.optimizers.AdamW):
    """AdamW whose head variables learn faster than the pretrained trunk's by a fixed factor."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._factor = factor

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's step."""
        path = self._trainable_variables[self._get_variable_index(variable)].path
        rate = learning_rate * self._factor if "head_" in path else learning_rate
        super().update_step(gradient, variable, rate)


class Trainee(keras.Model):
    """A network with its optimiser: steps, and its whole state for checkpoints. Subclasses give the losses.

    Variables whose path has ``head_`` learn at the head's rate, all others at the trunk's.
    """

    def __init__(self, network: keras.Model, system: System, terms: Sequence[str]) -> None:
        super().__init__(name="learner")
        self.network, self.terms = network, [keras.metrics.Mean(name=name) for name in terms]
        optimizer = TwoRates(
            system.head_rate / system.trunk_rate,
            learning_rate=system.trunk_rate,
            weight_decay=system.decay,
            global_clipnorm=system.clip,
            use_ema=system.average > 0,
            ema_momentum=system.average,
        )
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        self.compile(optimizer=optimizer, jit_compile=False)  # XLA is seven times slower on a CPU
        optimizer.build(self.network.trainable_variables)

    @property
    def logged(self) -> tuple[str, ...]:
        """Names of what ``step`` returns, in its order."""
        return tuple(sorted(["loss", *(item.name for item in self.terms)]))

    def call(self, film: Any, training: bool = False) -> Any:
        """The network's training outputs."""
        return self.network(film, training=training)

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        """One optimiser step at trunk learning rate ``rate``; the loss and its terms."""
        self.optimizer.learning_rate.assign(rate)
        truth = {key: value for key, value in batch.items() if key != "film"}
        logs = self.train_on_batch(batch["film"], truth, return_dict=True)
        return {key: float(value) for key, value in logs.items()}

    def state(self) -> list[np.ndarray]:
        """Every variable that the next step depends on: weights, moments, averages, counters, random states."""
        return [values(variable) for variable in self._all()]

    def restore(self, arrays: list[np.ndarray]) -> None:
        """Takes back what ``state`` gave."""
        for variable, value in zip(self._all(), arrays, strict=True):
            variable.assign(value)

    def _all(self) -> list[Any]:
        return [*self.network.variables, *self.optimizer.variables]

    def use_average(self) -> None:
        """Puts the weights' moving average in place of the weights: for evaluation, at the end."""
        self.optimizer.finalize_variable_values(self.network.trainable_variables)


class Learner(Trainee):
    """Trains ``network`` (network.build) by a recipe's loss weights."""

    def __init__(self, network: keras.Model, recipe: Recipe, shape: Shape) -> None:
        super().__init__(network, recipe, _TERMS)
        self.recipe, self.shape = recipe, shape

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Weighted sum of the loss terms; ``y`` is a batch without its film."""
        del x, sample_weight, training
        weights, first = self.recipe.weights, self.shape.attended
        truth, known = y["truth"], y["known"]
        found = {
            "pooled": losses.masked_bce(y_pred["pooled"], truth, known, weights.smoothing),
            "attended": losses.masked_bce(y_pred["attended"], truth[:, :first], known[:, :first], weights.smoothing),
            "location": losses.location(y_pred["location"], y["heat"]),
            "heat": losses.focal(y_pred["heat"], y["heat"], y["searched"]),
            "giou": losses.giou(y_pred["boxes"], y["boxes"], y["heat"]),
        }
        for tracker in self.terms:
            tracker.update_state(found[tracker.name])
        return sum(getattr(weights, name) * value for name, value in found.items() if getattr(weights, name))
