"""The types of keys that name losses, metrics, callbacks or objectives, also the user's own.

A check returns the value unchanged, or raises a ValueError that says what is expected.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from studyhall.search.study_file import objectives, own_code, paths
from studyhall.search.study_file.limits import MOST_LOSS
from studyhall.search.study_file.losses import LOSSES, METRICS
from studyhall.spaces import spelling


def _ranking(named: str | list[str]) -> str | list[str]:
    names = [named] if isinstance(named, str) else named
    for name in names:
        _checked_path(name)
    if not names or len({*names}) < len(names):
        raise ValueError("a name, or a list of different names")
    if names[0] in objectives.AT_THE_END:
        raise ValueError("validation loss or a metric first, as trials are ranked by the first one")
    return named


def _known_loss(loss: str | dict[str, str]) -> str | dict[str, str]:
    for output, each in (loss if isinstance(loss, dict) else {"": loss}).items():
        if each not in LOSSES and not own_code.is_own(each) and (output or each != "auto"):
            known = [*([] if output else ["auto"]), *LOSSES, "my_losses.py:focal"]
            raise ValueError(f"{_of_output(output)}{spelling.one_of(each, known)}")
        _checked_path(each)
    return loss


def _known_metrics(metrics: Any) -> Any:
    for output, named in (metrics if isinstance(metrics, dict) else {"": metrics}).items():
        listed = [] if named == "auto" and not output else own_code.each_of(named)
        unknown = [each for each in listed if each not in METRICS and not own_code.is_own(each)]
        if unknown:
            known = spelling.one_of(unknown[0], [*METRICS, "my_metrics.py:profit"])
            before = _of_output(output) or '"auto", or '
            raise ValueError(f"{before}a list of {known}")
        for each in listed:
            _checked_path(each)
    return metrics


def _of_output(output: str) -> str:
    return f"for output {output} " if output else ""


def _callbacks(reference: str) -> str:
    if not own_code.is_own(reference):
        raise ValueError("my_callbacks.py:make")
    return _checked_path(reference)


def _checked_path(reference: str) -> str:
    """Check the path of a reference to the user's code; anything else is returned unchanged."""
    return paths.check(reference) if own_code.is_own(reference) else reference


Loss = Annotated[
    str | Annotated[dict[str, str], Field(min_length=1)],
    Field(
        json_schema_extra={
            "expected": f"one of {', '.join(['auto', *LOSSES])}, or my_losses.py:focal; or a table"
            " of one for each output"
        }
    ),
    AfterValidator(_known_loss),
]
LossWeights = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=MOST_LOSS)]],
    Field(json_schema_extra={"expected": "a table such as { price = 1.0, kind = 0.5 }"}),
]
Metrics = Annotated[
    Literal["auto"]
    | Annotated[list[str], Field(min_length=1)]
    | Annotated[dict[str, str | list[str]], Field(min_length=1)],
    Field(
        json_schema_extra={
            "expected": f'"auto" or some of {", ".join(METRICS)}, my_metrics.py:profit; or a table'
            " of these for outputs"
        }
    ),
    AfterValidator(_known_metrics),
]
Callbacks = Annotated[
    str,
    Field(json_schema_extra={"expected": "my_callbacks.py:make"}),
    AfterValidator(_callbacks),
]
Way = Literal["auto", "minimize", "maximize"]
Direction = Annotated[
    Way | Annotated[list[Way], Field(min_length=1)],
    Field(
        json_schema_extra={"expected": '"auto", "minimize", "maximize", or a list of one for each'}
    ),
]
Objective = Annotated[
    str | list[str],
    Field(
        json_schema_extra={
            "expected": "a name or a list of names, see docs/explanation/evaluation.md"
        }
    ),
    AfterValidator(_ranking),
]
