"""The private names of Keras and TensorFlow that studyhall leans on: here are all of them.

They may go with any version. Nothing crashes and no number changes without them: a model whose
Keras lacks one that compiled epochs need trains by Keras' own fit, which leans on none, and what
else they are for is left out, as said beside each. Those of Optuna are in
`storage.database.optuna_names`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

# Found by `find`. Compiled epochs need these:
GET_STATE = "keras.src.backend.common.global_state.get_global_attribute"
SET_STATE = "keras.src.backend.common.global_state.set_global_attribute"
GLOBAL_SEEDS = "keras.src.random.seed_generator.global_seed_generator"
CONTEXT = "tensorflow.python.eager.context.context"
CALL_OPTIONS = "tensorflow.python.eager.context.FunctionCallOptions"
GRADIENTS = "tensorflow.python.framework.ops.gradient_registry"
# Without it a loss is asked without its weights whether it takes some targets (`trial.forms`).
COMPILE_LOSS = "keras.src.trainers.compile_utils.CompileLoss"
# Without it Keras' downloads are gone with the process (`process.keras_settings`).
CONFIG = "keras.src.backend.config"

# Those of optuna-dashboard; without them its pages are slower and wider, and up to 10 s old.
DASHBOARD = "optuna_dashboard._app"
SERIALIZER = "optuna_dashboard._serializer"

NEEDED = (GET_STATE, SET_STATE, GLOBAL_SEEDS, CONTEXT, CALL_OPTIONS, GRADIENTS)
OPTIONAL = (COMPILE_LOSS, CONFIG, DASHBOARD, SERIALIZER)

# Attributes of what Keras compiles and builds; compiled epochs need them. Beside them
# `_compile_loss` and `_compile_metrics` are asked for where a value is computed again, which
# Keras' own `evaluate` does without them, and `_compile_config` for how validation is batched,
# which is as Keras' own `evaluate` does it without it.
OF_MODELS = (
    *("_compile_config", "_compile_loss", "_compile_metrics", "_flatten_layers", "_loss_tracker"),
)
OF_OPTIMIZERS = ("_apply_weight_decay", "_clip_gradients", "_iterations", "_learning_rate")
OF_VARIABLES = ("_shape", "_value")

# Asked for where they are used, by what goes without them: `updates` leaves an optimizer without
# its slots to Keras, `callbacks` leaves one whose state can't be put back to begin anew, `sharing`,
# `batching` and `compiled_loss` take a loss or metric that hides what it is made of for unknown,
# and `data.datasets` asks for an unknown step's elements instead of its history.
LOOKED_FOR = (
    *("_accumulators", "_momentums", "_velocities", "_exclude_from_weight_decay"),
    *("_fn", "_fn_kwargs", "_user_loss", "_user_loss_weights"),
    *("_functions", "_registry", "_KERAS_DIR"),
    *("_datasets", "_input_dataset"),
    "_initial_epoch",  # without it a script's `fit` can't go on, and begins again
)

# Of Ray: its store of keys and values, by which tasks tell the launch what happens; without it the
# launch hears of that at their ends (`launcher.ray_messages`).
OF_RAY = ("_internal_kv_del", "_internal_kv_get", "_internal_kv_list", "_internal_kv_put")


@cache
def find(place: str) -> Any:
    """Return the object of a private name in the installed version, or None.

    Args:
        place: One of the names above, with its module.
    """
    module, _, name = place.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return None


def lacking(model: Any) -> str | None:
    """The first name that compiled epochs of a model need and these versions lack; else None.

    Args:
        model: Built and compiled.
    """
    for place in NEEDED:
        if find(place) is None:
            return place
    if not _exclusions_show():
        return "Optimizer._exclude_from_weight_decay"
    owners = [(model, OF_MODELS), (_updating(model.optimizer), OF_OPTIMIZERS)]
    owners += [(variable, OF_VARIABLES) for variable in model.variables[:1]]
    missing = (
        f"{type(owner).__name__}.{name}"
        for owner, names in owners
        for name in names
        if not hasattr(owner, name)
    )
    return next(missing, None)


@cache
def _exclusions_show() -> bool:
    """Return True if an optimizer shows which variables have no weight decay."""
    import keras

    optimizer = keras.optimizers.SGD(name="asked")  # takes no automatic name
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return hasattr(optimizer, "_exclude_from_weight_decay")


def _updating(optimizer: Any) -> Any:
    inner = getattr(optimizer, "inner_optimizer", None)  # where the loss is scaled
    return optimizer if inner is None else _updating(inner)
