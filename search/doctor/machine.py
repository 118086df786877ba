"""The findings on this machine: library versions and devices, found without loading TensorFlow."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata

from studyhall.search.doctor.finding import Finding
from studyhall.search.process import gpus, keras_settings

BACKENDS = keras_settings.BACKENDS  # one of them is enough
LIBRARIES = ("studyhall", *BACKENDS, "keras", "optuna", "sqlalchemy", "psycopg", "numpy")


def versions() -> dict[str, str | None]:
    """Return the versions of Python and the libraries; None for one that is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


def devices() -> list[dict[str, str | int | None]]:
    """Return the devices that a worker may train on: the CPU, then each visible GPU."""
    cpu: dict[str, str | int | None] = {"device": "cpu", "cores": os.cpu_count()}
    return [
        cpu,
        *({"device": name, "memory_mib": gpus.memory_mib(name)} for name in gpus.visible()),
    ]


def findings(
    found: Mapping[str, str | None], there: list[dict[str, str | int | None]]
) -> Iterator[Finding]:
    """Yield the findings on versions and devices."""
    known = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    yield Finding("versions", known)
    missing = [name for name, version in found.items() if version is None]
    needed = [name for name in missing if name not in BACKENDS]
    if all(name in missing for name in BACKENDS):
        needed.append(BACKENDS[0])
    for name in needed:
        yield Finding("versions", f"without {name}", f"pip install {name}", needs_you=True)
    cpu, *cards = there
    yield Finding("devices", f"cpu with {cpu['cores']} cores, {_cards(cards)}")


def _cards(cards: list[dict[str, str | int | None]]) -> str:
    names = [
        f"{card['device']} with {card['memory_mib']} MiB" if card["memory_mib"] else card["device"]
        for card in cards
    ]
    return ", ".join(map(str, names)) or "no GPU visible to the driver or in CUDA_VISIBLE_DEVICES"


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
