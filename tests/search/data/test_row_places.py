import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.data.row_places import Place


def test_one_file():
    place = Place("table.csv")
    assert place.column("age") == "table.csv, column age"
    assert place.column("age", 2) == "table.csv, column age, row 3"
    assert place.both(2, 4) == "rows 3 and 5 of table.csv"
    assert place.labels([0, 4]) == {"row": [1, 5]}


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=5).filter(any),
    data=st.data(),
)
def test_each_row_of_several_files_is_where_it_was_read(sizes, data):
    names = [f"{number}.csv" for number in range(len(sizes))]
    rows = [(name, row + 1) for name, size in zip(names, sizes, strict=True) for row in range(size)]
    place = Place("*.csv", tuple(zip(names, sizes, strict=True)))
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    order = np.array(data.draw(st.permutations(range(int(kept.sum())))), int)
    there = [rows[row] for row in np.flatnonzero(kept)[order]]
    taken = place.taken(kept).taken(order)
    assert [taken.of(row) for row in range(len(there))] == there
    assert place.column("a") == "*.csv, column a"


def test_rows_of_two_files():
    place = Place("*.csv", (("a.csv", 2), ("b.csv", 3)))
    assert place.both(0, 1) == "rows 1 and 2 of a.csv"
    assert place.both(1, 4) == "row 2 of a.csv and row 3 of b.csv"
    assert place.labels([1, 2]) == {"file": ["a.csv", "b.csv"], "row": [2, 1]}
