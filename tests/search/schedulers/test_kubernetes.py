"""The job file of Kubernetes, as Kubernetes' own schemas and kubectl read it."""

import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.schedulers import kubernetes
from studyhall.search.schedulers.job import Job, Needs
from studyhall.search.study_file.config_error import ConfigError

OPTIONS = {"image": "registry.example.org/studies/worker:1", "secret": "studyhall-database"}
CLAIM = "studies=/shared"
BUCKET = {"artifacts": "s3://models/digits"}


def read(job, **options):
    """The file, checked strictly by the oldest version that can have it and by the newest."""
    made = yaml.safe_load(kubernetes.manifest(job, **{**OPTIONS, **options}))
    for version in ("1.31", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(made, version, strict=True)
    return made


def worker_of(made):
    (worker,) = made["spec"]["template"]["spec"]["containers"]
    return worker


def test_each_worker_is_a_pod_with_its_gpu_and_its_time_to_save(make_job):
    made = read(make_job(grace_s=900, memory="16Gi"), claims=[CLAIM], namespace="tuning")
    spec, pod, worker = made["spec"], made["spec"]["template"]["spec"], worker_of(made)
    assert made["metadata"]["name"] == "studyhall-digits"
    assert made["metadata"]["namespace"] == "tuning"
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 64, 64)
    assert pod["terminationGracePeriodSeconds"] == 900
    assert worker["args"] == ["worker", "--folder", "/shared/own code", "--", "digits"]
    assert worker["resources"] == {
        "requests": {"cpu": 4, "memory": "16Gi"},
        "limits": {"memory": "16Gi", "nvidia.com/gpu": 1},
    }
    bare = worker_of(read(make_job(gpus=0, memory=None), claims=[CLAIM]))
    assert bare["resources"] == {"requests": {"cpu": 4}}
    assert bare["args"][3:] == ["--gpu", "none", "--", "digits"]


def test_a_pod_that_makes_way_is_replaced_and_one_that_cannot_go_on_is_not(make_job):
    spec = read(make_job(memory=None), claims=[CLAIM])["spec"]
    first, second = spec["podFailurePolicy"]["rules"]  # the first that fits decides
    assert first["action"] == "Ignore"
    assert first["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert second["action"] == "FailIndex"
    assert second["onExitCodes"]["values"] == [1, 2, 130, 143]
    assert spec["backoffLimitPerIndex"] == 6
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_url_is_a_file_of_a_secret_and_volumes_are_shared(make_job):
    made = read(
        make_job(memory=None, **BUCKET), claims=[CLAIM, "code=/code"], bucket_secret="bucket"
    )
    worker, pod = worker_of(made), made["spec"]["template"]["spec"]
    variables = {each["name"]: each for each in worker["env"]}
    path = variables["STUDYHALL_STORAGE_FILE"]["value"]
    node = variables["STUDYHALL_WORKER"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert (path, node) == ("/secrets/database/url", "spec.nodeName")
    assert worker["envFrom"] == [{"secretRef": {"name": "bucket"}}]
    mounts = {each["name"]: each["mountPath"] for each in worker["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert mounts.keys() == volumes.keys()
    assert volumes["database"]["secret"] == {"secretName": "studyhall-database"}
    assert {mounts[n]: volumes[n].get("persistentVolumeClaim") for n in mounts} == {
        "/secrets/database": None,
        "/shared": {"claimName": "studies"},
        "/code": {"claimName": "code"},
    }


def test_checkpoints_must_be_where_all_pods_find_them(make_job):
    for claims in ([], ["studies=/share"], ["studies=/shared/studyhall-artifacts/digits-2"]):
        with pytest.raises(ConfigError, match=r"\[study\] artifacts: received /shared/.*--claim"):
            read(make_job(memory=None), claims=claims)
    assert read(make_job(memory=None, **BUCKET))["spec"]["completions"] == 64


def test_every_mistake_is_told_at_once(make_job):
    with pytest.raises(ConfigError) as refused:
        read(
            make_job(memory="16 GB"), image="a b", secret="Studies", bucket_secret="b_c",
            namespace="-", claims=["studies", "studies=relative", "a=/b/../c"],
        )  # fmt: skip
    assert [line.split(": ")[1] for line in refused.value.problems] == [
        "--image", "--secret", "--bucket-secret", "--namespace", "--memory", *["--claim"] * 3,
        "[study] artifacts",
    ]  # fmt: skip


@settings(max_examples=25)
@given(study=st.text(min_size=1, max_size=80), folder=st.text(max_size=20).map("/".__add__))
def test_whatever_a_study_is_called(study, folder):
    made = read(Job(study, "s3://bucket/place", folder, Needs(3, 0, 1, None, 60)))
    assert worker_of(made)["args"] == ["worker", "--folder", folder, "--gpu", "none", "--", study]


def a_cluster_answers():
    """Even a dry run of kubectl's asks the cluster what kinds of objects it knows."""
    asked = ["kubectl", "version", "--request-timeout=5s"]
    return shutil.which("kubectl") is not None and subprocess.run(asked).returncode == 0


def test_kubectl_takes_it(make_job):
    if not a_cluster_answers():
        pytest.skip("no kubectl with a cluster")
    subprocess.run(
        ["kubectl", "apply", "--dry-run=client", "-f", "-"],
        input=kubernetes.manifest(make_job(memory=None), **OPTIONS, claims=[CLAIM]),
        text=True,
        check=True,
    )
