"""The points at which Keras' backends differ, and that Keras' own functions don't even out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

TENSORFLOW, JAX, TORCH = "tensorflow", "jax", "torch"


def name() -> str:
    """Return the backend of this process: tensorflow, jax or torch."""
    return str(keras.config.backend())


def on_gpu() -> bool:
    """Return True if this process computes on a GPU; it occupies the device from then on."""
    if name() == TENSORFLOW:
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    if name() == JAX:
        import jax

        return any(device.platform == "gpu" for device in jax.local_devices())
    import torch

    return bool(torch.cuda.is_available())


def rounds_to_tf32() -> bool:
    """Return True if products of float32 are rounded to TF32, as on most GPUs by default."""
    if not on_gpu():
        return False
    if name() == TENSORFLOW:
        import tensorflow as tf

        return bool(tf.config.experimental.tensor_float_32_execution_enabled())
    return True  # JAX' default precision on a GPU, and torch's of convolutions


def forward(model: Any) -> Callable[[Any], Any]:
    """Return a model's prediction as a function of samples, compiled where the backend compiles.

    It uses the weights that the model has when it is called.
    """
    if name() == TENSORFLOW:
        import tensorflow as tf

        return tf.function(  # type: ignore[no-any-return]
            lambda x: model(x, training=False), autograph=False
        )
    return _jitted(model) if name() == JAX else _without_gradients(model)


def _jitted(model: Any) -> Callable[[Any], Any]:
    import jax

    @jax.jit  # type: ignore[untyped-decorator]
    def stateless(trainable: Any, others: Any, x: Any) -> Any:
        return model.stateless_call(trainable, others, x, training=False)[0]

    def predict(x: Any) -> Any:
        if not model.built:
            model(x, training=False)
        held = model.trainable_variables, model.non_trainable_variables
        return stateless(*([variable.value for variable in each] for each in held), x)

    return predict


def _without_gradients(model: Any) -> Callable[[Any], Any]:
    import torch

    def predict(x: Any) -> Any:
        with torch.no_grad():
            return model(x, training=False)

    return predict


def copied(variable: Any) -> np.ndarray:
    """Return a variable's value as an array of its own, which later training can't change."""
    return np.array(keras.ops.convert_to_numpy(variable))


def seed(number: int) -> None:
    """Seed the backend's own random numbers, if layers draw any: PyTorch's dropout does."""
    if name() == TORCH:
        import torch

        torch.manual_seed(number)


def random_state() -> list[str]:
    """Return the state of the backend's own random numbers, in hex: of the CPU, then each GPU."""
    if name() != TORCH:
        return []
    import torch

    states = [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if on_gpu() else ())]
    return [state.numpy().tobytes().hex() for state in states]


def set_random_state(states: Sequence[str]) -> None:
    """Continue from what `random_state` returned, on as many devices as there are."""
    if not states:
        return
    import torch

    of_cpu, *of_gpus = (
        torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8) for state in states
    )
    torch.set_rng_state(of_cpu)
    for device, state in zip(range(torch.cuda.device_count()), of_gpus, strict=False):
        torch.cuda.set_rng_state(state, device)


@contextmanager
def doubles(*, needed: bool) -> Iterator[None]:
    """Let JAX compute in float64 within a `with` block; otherwise it would take float32 silently.

    Args:
        needed: False to change nothing.
    """
    if not needed or name() != JAX:
        yield
        return
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)
