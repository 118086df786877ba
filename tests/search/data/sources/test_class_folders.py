import pytest

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import class_folders


def tree(folder, *places):
    """Makes a file 0.png in each folder."""
    for place in places:
        (folder / place).mkdir(parents=True)
        (folder / place / "0.png").write_text("")
    return folder


def problems(*arguments):
    with pytest.raises(DataError) as caught:
        class_folders.find(*arguments)
    return caught.value.problems


@pytest.mark.parametrize(
    "names",
    [
        {"train": "train", "test": "test", "val": "validation"},
        {"Training": "train", "Testing": "test"},
        {"TRAIN": "train", "TEST": "test", "VALID": "validation"},
        {"training_set": "train", "test_set": "test"},
        {"seg_train": "train", "seg_test": "test"},
        {"1 Train images": "train", "2 Validation images": "validation"},
        {"trainSet": "train", "valData": "validation", "Test": "test"},
        {"Training": "train"},
    ],
)
def test_parts_by_the_names_that_people_use(tmp_path, names):
    tree(tmp_path, *(f"{name}/{each}" for name in names for each in ("cats", "dogs")))
    found = class_folders.find(tmp_path)
    assert found.classes == ("cats", "dogs")
    places = {part: {path.parts[-3] for path, _ in files} for part, files in found.files.items()}
    assert places == {part: {name} for name, part in names.items()}


@pytest.mark.parametrize(
    "names", [("train", "bus", "car"), ("train_station", "test_tube"), ("Validé", "Test pilot")]
)
def test_classes_whose_names_only_resemble_parts(tmp_path, names):
    assert class_folders.find(tree(tmp_path, *names)).classes == tuple(sorted(names))


def test_classes_with_folders_of_their_own(tmp_path):
    tree(tmp_path, "cats/indoors", "cats/outdoors", "dogs/seaside", "birds")
    found = class_folders.find(tmp_path)
    assert found.classes == ("birds", "cats", "dogs")
    assert [number for _, number in found.files["train"]] == [0, 1, 1, 2]


def test_the_same_classes_in_folders_of_unknown_names_need_a_word(tmp_path):
    folder = tree(tmp_path / "x", *(f"{a}/{b}" for a in ("camera1", "camera2") for b in "ab"))
    assert problems(folder) == [
        "[data] folders: received nothing, for folders camera1, camera2 that each hold a, b,"
        ' expected "classes" (camera1, camera2), or parts by the names train, validation and test'
    ]
    assert class_folders.find(folder, "classes").classes == ("camera1", "camera2")


def test_parts_beside_other_folders_need_a_word(tmp_path):
    places = [f"{part}/{name}" for part in ("Training", "Testing") for name in "ab"]
    folder = tree(tmp_path / "x", *places, "chest/test/a", "chest/test/b")
    assert problems(folder) == [
        "[data] folders: received nothing, for x, where Testing, Training stand beside chest,"
        ' expected "parts" (Testing, Training; without chest)'
        ' or "classes" (Testing, Training, chest)'
    ]
    parts = class_folders.find(folder, "parts")
    assert parts.classes == ("a", "b") and {*parts.files} == {"train", "test"}
    assert [*parts.left_out.notes()] == ["left out: the folder chest"]
    classes = class_folders.find(folder, "classes")
    assert classes.classes == ("Testing", "Training", "chest")


def test_classes_beside_a_test_folder_need_a_word(tmp_path):
    tree(tmp_path, "cats", "dogs", "test/cats", "test/dogs")
    [line] = problems(tmp_path)
    assert "where test stands beside cats, dogs, expected" in line


def test_a_part_twice(tmp_path):
    tree(tmp_path / "x", *(f"{part}/{name}" for part in ("train", "Training") for name in "ab"))
    assert problems(tmp_path / "x") == [
        "[data] source: received Training, train in x, expected one folder for each part"
    ]


def test_no_training_set(tmp_path):
    tree(tmp_path / "x", "test/a", "test/b", "val/a", "val/b")
    assert problems(tmp_path / "x") == [
        "[data] source: received x with test, val,"
        " expected a folder of the training set, such as train"
    ]


def test_all_classes_that_only_some_part_has(tmp_path):
    tree(tmp_path, "train/a", "train/b", "test/a", "test/c", "val/b")
    assert problems(tmp_path) == [
        "[data] source: received val without a folder a,"
        " expected every class of the training set: a, b",
        "[data] source: received class c only in test,"
        " expected the classes of the training set: a, b",
        "[data] source: received test without a folder b,"
        " expected every class of the training set: a, b",
    ]


def test_a_test_set_without_classes(tmp_path):
    tree(tmp_path, "train/a", "train/b", "test")
    [line] = problems(tmp_path)
    assert line.endswith("class of the training set: a, b; or the folder train alone as source")


def test_a_folder_in_a_folder(tmp_path):
    tree(tmp_path / "x", "chest/train/a", "chest/train/b", "chest/test/a")
    [line] = problems(tmp_path / "x")
    assert line.endswith('or more; did you mean its folder "chest"?')


def test_linked_folders_are_told(tmp_path):
    tree(tmp_path, "a/inner", "b")
    (tmp_path / "b" / "more").symlink_to(tmp_path / "a", target_is_directory=True)
    found = class_folders.find(tmp_path)
    assert len(found.files["train"]) == 2
    assert [*found.left_out.notes()] == ["left out: the linked folder b/more"]
