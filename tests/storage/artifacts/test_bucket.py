"""Objects in a bucket, against an S3 server of our own."""

import io

import pytest

from studyhall.storage.artifacts import bucket, retention
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.artifacts.bucket import BucketStore
from studyhall.storage.database import Database
from studyhall.storage.studies import studies

pytest.importorskip("moto", reason="moto is not installed")


@pytest.fixture
def store(s3, tmp_path, monkeypatch):
    """A study's objects, on a machine whose working directory is empty."""
    monkeypatch.chdir(tmp_path)
    return bucket.open_store(f"s3://{s3}/team/digits-1")


def test_objects_come_back_and_are_listed(store):
    name = store.write("checkpoint", "digits-3", b"abc")
    assert name.startswith("checkpoint-digits-3-") and name.endswith(".bin")
    assert store.read(name) == b"abc"
    assert store.sha256(name).startswith("ba7816bf")
    (stored,) = store.objects()
    assert (stored.name, stored.size, stored.kind, stored.trial) == (name, 3, "checkpoint", 3)
    assert store.total_bytes() == 3
    store.remove(name)
    store.remove(name)
    assert store.objects() == []
    with pytest.raises(ArtifactError, match="there is no such object"):
        store.read(name)


def test_another_machine_finds_what_was_written_to_a_file(store, tmp_path, monkeypatch):
    name = store.new_name("model", "digits-3", ".keras")
    store.path(name).write_bytes(b"a model")
    assert bucket.shared(store, name) == name
    assert not store.path(name).exists()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    other = bucket.open_store(store.location)
    assert other.root != store.root
    assert bucket.fetched(other, name).read_bytes() == b"a model"
    assert not bucket.fetched(other, "model-digits-4").exists()
    assert store.sha256(name) == other.sha256(name)


def test_studies_of_one_bucket_keep_to_themselves(store, s3):
    other = bucket.looking(f"s3://{s3}/team/digits-10")
    whole = bucket.looking(f"s3://{s3}")
    store.write("checkpoint", "digits-3", b"abc")
    assert other.objects() == [] and len(whole.objects()) == 1
    bucket.put(other, "3b2f0c9e", b"x")
    bucket.remove_all(store.location)
    assert [stored.name for stored in whole.objects()] == ["team/digits-10/3b2f0c9e"]
    assert not store.root.exists()


@pytest.mark.parametrize("name", ["../digits-2/x", "", ".x", "a/b"])
def test_a_name_stays_below_its_prefix(store, name):
    for use in (store.read, store.remove, lambda name: store.put(name, io.BytesIO(b""))):
        with pytest.raises(ArtifactError, match="expected the name of an object"):
            use(name)


def test_retention_works_in_a_bucket(store, sqlite_url):
    db = Database.open(sqlite_url)
    study, _ = studies.create(db, "digits", config={}, seed=0, trials=1)
    store.write("model", "digits-3", b"nobody points here")
    assert retention.tidy(db, study, store, keep_models=1, max_bytes=10) == 0
    assert store.objects() == []
    db.close()


# What can't be used


def test_a_probe_leaves_nothing_behind(store, s3):
    bucket.probe(f"s3://{s3}/team")
    assert bucket.looking(f"s3://{s3}").objects() == []


def test_a_bucket_that_is_not_there(store):
    with pytest.raises(ArtifactError, match=r"s3://no-such/x: .*NoSuchBucket"):
        bucket.probe("s3://no-such/x")


def test_a_server_that_is_not_there(s3, monkeypatch):
    bucket._optunas.cache_clear()
    monkeypatch.setattr(bucket, "_ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(ArtifactError, match="Could not connect to the endpoint"):
        bucket.probe(f"s3://{s3}/team")
    bucket._optunas.cache_clear()


def test_no_credentials(s3, monkeypatch, tmp_path):
    bucket._optunas.cache_clear()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ArtifactError, match="Unable to locate credentials"):
        bucket.probe(f"s3://{s3}/team")
    bucket._optunas.cache_clear()


def test_a_location_without_a_bucket():
    with pytest.raises(ArtifactError, match="received 's3:///x', expected s3://bucket/prefix"):
        BucketStore("s3:///x", None)


def test_folders_are_what_they_were(tmp_path):
    store = bucket.open_store(str(tmp_path / "files"))
    assert type(store) is ArtifactStore
    name = bucket.shared(store, store.write("model", "digits-1", b"x"))
    assert bucket.fetched(store, name).read_bytes() == b"x"
    bucket.remove_all(str(tmp_path / "files"))
    assert not (tmp_path / "files").exists()


def test_its_time_is_that_which_dates_its_objects(store):
    store.write("checkpoint", "digits-3", b"abc")
    (stored,) = store.objects()
    assert abs(store.clock() - stored.modified_at) < 60.0
