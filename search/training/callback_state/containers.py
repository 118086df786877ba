"""The containers of Python that are written as such, by their names."""

from __future__ import annotations

import collections
from typing import Any

LISTS: dict[str, Any] = {
    kind.__name__: kind for kind in (list, tuple, set, frozenset, collections.deque)
}
DICTS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)
}
CHANGING = (list, set, collections.deque)  # lists that are filled in place
