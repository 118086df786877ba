"""The files that Ray copies to the nodes of a cluster; tests/acceptance/test_ray.py uses one."""

from studyhall.search.launcher import ray_cluster
from studyhall.search.study import record


def test_large_files_and_those_of_ours_are_not_shipped(studio):
    study = studio.study()
    stored = record.stored(study)
    large = stored.folder / "data" / "large.npy"
    large.parent.mkdir()
    with large.open("wb") as file:
        file.truncate(ray_cluster.SHIPPED_MIB * 2**20 + 1)
    (stored.folder / "data" / "small.npy").write_bytes(b"small")
    left_out = ray_cluster.not_shipped(stored)
    assert "/data/large.npy" in left_out and "/data/small.npy" not in left_out
    assert {"*.db", ".venv/"} <= {*left_out}
    own = stored.artifacts.relative_to(stored.folder).parts[0]
    assert f"/{own}/" in left_out
