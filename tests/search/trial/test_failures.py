"""The reason of a failed trial, in one line."""

import pytest
import tensorflow as tf

from studyhall.search.trial import failures

GRAPH = """Graph execution error:

Detected at node add defined at (most recent call last):
  File "mine.py", line 15, in <module>

  File "mine.py", line 14, in f

Incompatible shapes: [3] vs. [4]
\t [[{{node add}}]] [Op:__inference_f_236]"""
MEMORY = (
    "{{function_node __wrapped__Fill}} OOM when allocating tensor with shape[100000,100000] and"
    " type float on /device:CPU:0 by allocator mklcpu [Op:Fill] name: "
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (GRAPH, "Incompatible shapes: [3] vs. [4]"),
        (
            MEMORY,
            "OOM when allocating tensor with shape[100000,100000] and type float on /device:CPU:0"
            " by allocator mklcpu",
        ),
        ("8 GB", "8 GB"),
        ("Graph execution error:", "Graph execution error:"),
    ],
)
def test_what_tensorflow_says(message, expected):
    error = tf.errors.InvalidArgumentError(None, None, message)
    assert failures.of_backend(error) == expected


def test_what_a_real_graph_says():
    @tf.function(input_signature=[tf.TensorSpec((None,))])
    def added(x):
        return x + tf.ones((3,))

    with pytest.raises(failures.REFUSED) as caught:
        added(tf.ones((4,)))
    assert failures.of_backend(caught.value).startswith("Incompatible shapes: [")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("a width\nof 3\n\nArguments received by Dense"), "a width of 3"),
        (MemoryError(), "MemoryError"),
        (KeyError("width"), "'width'"),
        (ValueError("x" * 1000), "x" * failures.LONGEST),
    ],
)
def test_any_error_in_one_line(error, expected):
    assert failures.one_line(error) == expected


def caused(by):
    error = RuntimeError("training its model failed")
    error.__cause__ = by
    return error


CUBLAS = "failed to create cublas handle: CUBLAS_STATUS_ALLOC_FAILED"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), True),
        (tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"), True),
        (tf.errors.UnknownError(None, None, CUBLAS), True),
        (caused(by=MemoryError()), True),
        (tf.errors.InternalError(None, None, "Blas GEMM launch failed"), False),
        (ValueError("we ran out of memory cards"), False),
        (caused(by=ValueError("no")), False),
    ],
)
def test_what_means_that_memory_did_not_suffice(error, expected):
    assert failures.is_out_of_memory(error) == expected
