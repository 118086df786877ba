"""Identifiers in notes and artifacts of a copied study."""

import json

from studyhall.search.display import notes
from studyhall.search.interchange.renumbering import renumber
from studyhall.storage.studies.copying import Identifiers

IDS = Identifiers({1: 4000, -2: -8000}, {7: 123456, 8: 9})


def as_texts(attributes):
    return {key: json.dumps(value) for key, value in attributes.items()}


def as_values(texts):
    return {key: json.loads(text) for key, text in texts.items()}


def test_a_note_is_the_one_that_the_copy_would_have_written():
    """Also where a link lies across two of its attributes, and the new one is longer."""
    for filler in range(notes.NOTE_CHUNK - 80, notes.NOTE_CHUNK + 3, 7):
        old = "x" * filler + notes._links(1, 7) + " of trial 7"
        new = "x" * filler + notes._links(4000, 123456) + " of trial 7"
        moved = as_values(renumber(as_texts(notes.note(old, 7)), IDS))
        assert moved == notes.note(new, 123456)


def test_artifacts_are_named_after_the_new_trial():
    moved = renumber(notes.trial_artifacts(7), IDS)
    assert moved == notes.trial_artifacts(123456)
    stored = notes.stored_artifact(7, f"model-x-7-{'a' * 32}.keras", "x.keras")
    assert renumber(stored, IDS) == notes.stored_artifact(
        123456, f"model-x-7-{'a' * 32}.keras", "x.keras"
    )


def test_all_else_stays():
    kept = {"study:metric_names": '["val_loss"]', "dashboard:note_ver": "1", "fixed_params": "{}",
            "dashboard:99:note_ver": "3"}  # fmt: skip
    assert renumber(kept, IDS) == kept
    assert renumber({}, IDS) == {}
    note = as_texts(notes.note("of the study itself"))
    assert renumber(note, IDS) == note
