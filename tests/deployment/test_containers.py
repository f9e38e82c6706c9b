"""Compose file and manifests keep to their schemas, and agree with the server on paths, flags, ports and names."""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from common.serving.server.page_files import TYPES, PageFiles

REPOSITORY = Path(__file__).parents[2]
DEPLOYMENT = REPOSITORY / "deployment"
MODELS = REPOSITORY / "saved_models"
GRPC, REST = 8500, 8501  # what the image's own entry point asks for


def documents(*names):
    return [
        document for name in names for document in yaml.safe_load_all((DEPLOYMENT / name).read_text("utf-8"))
    ]


@pytest.fixture(scope="module")
def services():
    return documents("compose.yaml")[0]["services"]


@pytest.fixture(scope="module")
def compose(services):
    """Those that answer with the models."""
    return {name: service for name, service in services.items() if name.startswith("serving")}


@pytest.fixture(scope="module")
def flags():
    """The flags that the image built here gives to the server."""
    instructions = (DEPLOYMENT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    return json.loads(re.search(r"^CMD (.*)$", instructions, re.MULTILINE).group(1))


@pytest.fixture(scope="module")
def objects():
    paths = sorted((DEPLOYMENT / "kubernetes").glob("*.yaml"))
    found = documents(*(path.relative_to(DEPLOYMENT) for path in paths))
    return {(value["kind"], value["metadata"]["name"]): value for value in found}


@pytest.fixture(scope="module")
def pod(objects):
    return objects["Deployment", "recurrent-applications"]["spec"]["template"]


@pytest.fixture(scope="module")
def container(pod):
    return pod["spec"]["containers"][0]


def served():
    text = (MODELS / "models.config").read_text("utf-8")
    return text_format.Parse(text, ModelServerConfig()).model_config_list.config


def check_compose(path):
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_compose_file_keeps_to_the_specification(tmp_path):
    checked = check_compose(DEPLOYMENT / "compose.yaml")
    assert checked.returncode == 0, checked.stdout
    wrong = (DEPLOYMENT / "compose.yaml").read_text("utf-8").replace("volumes:", "volume:")
    (tmp_path / "wrong.yaml").write_text(wrong, "utf-8")
    assert check_compose(tmp_path / "wrong.yaml").returncode == 1, "the check sees mistakes"


def test_each_manifest_keeps_to_kubernetes_schema(objects):
    version = kubernetes_validate.latest_version()
    for value in objects.values():
        kubernetes_validate.validate(value, version, strict=True)
    wrong = {**objects["Service", "recurrent-applications"], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_the_training_job_keeps_to_kubernetes_schema_and_its_pods_find_each_other():
    version = kubernetes_validate.latest_version()
    objects = {value["kind"]: value for value in documents("training/job.yaml")}
    for value in objects.values():
        kubernetes_validate.validate(value, version, strict=True)
    job, service = objects["Job"], objects["Service"]
    pod = job["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    workers = {one["name"]: one.get("value") for one in container["env"]}["WORKERS"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(workers)
    listed = re.search(r"--workers \"(\$\(.*\))\"", container["args"][0])[1]
    shown = subprocess.run(
        ["sh", "-c", f"echo {listed}"], capture_output=True, text=True, env={"WORKERS": workers}, check=True
    )
    assert pod["spec"]["subdomain"] == service["metadata"]["name"]
    port = container["ports"][0]["containerPort"]
    assert shown.stdout.strip().split(",") == [
        f"{job['metadata']['name']}-{index}.{service['metadata']['name']}:{port}"
        for index in range(int(workers))
    ]
    assert service["spec"]["ports"][0]["port"] == port
    for chosen in (
        service["spec"]["selector"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert chosen.items() <= pod["metadata"]["labels"].items()


def test_both_ways_give_the_server_the_same_flags(compose, flags):
    assert compose["serving"]["command"] == compose["serving-gpu"]["command"] == flags
    assert {flag.partition("=")[0] for flag in flags} == {
        "--model_config_file",
        "--enable_batching",
        "--batching_parameters_file",
        "--monitoring_config_file",
    }


def test_every_path_that_the_server_is_told_is_there(compose, flags):
    for service in compose.values():
        source, mounted, mode = service["volumes"][0].split(":")
        assert (DEPLOYMENT / source).resolve() == MODELS
        assert mode == "ro"
        for flag in flags:
            name, _, value = flag.partition("=")
            assert not name.endswith("_file") or (MODELS / Path(value).relative_to(mounted)).is_file()
        assert {Path(model.base_path).parent for model in served()} == {Path(mounted)}
    assert "\nCOPY . /models\n" in (DEPLOYMENT / "Dockerfile").read_text("utf-8")


def test_all_images_are_one_release(compose):
    tag = re.search(
        r"^ARG TAG=(\d+\.\d+\.\d+)$", (DEPLOYMENT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert compose["serving"]["image"] == f"tensorflow/serving:{tag.group(1)}"
    assert compose["serving-gpu"]["image"] == f"tensorflow/serving:{tag.group(1)}-gpu"


def test_the_ports_are_those_of_tensorflow_serving(compose, objects, container):
    for service in compose.values():
        assert service["ports"] == [f"127.0.0.1:{port}:{port}" for port in (GRPC, REST)]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "grpc": GRPC,
        "rest": REST,
    }
    rest, grpc = (
        objects["Service", name] for name in ("recurrent-applications", "recurrent-applications-grpc")
    )
    assert rest["spec"]["ports"] == [{"name": "rest", "port": REST, "targetPort": "rest"}]
    assert grpc["spec"]["ports"] == [{"name": "grpc", "port": GRPC, "targetPort": "grpc"}]


def test_a_gpu_is_taken_only_when_asked_for(compose):
    assert "profiles" not in compose["serving"]
    assert compose["serving-gpu"]["profiles"] == ["gpu"]
    devices = compose["serving-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert [device["capabilities"] for device in devices] == [["gpu"]]
    assert "deploy" not in compose["serving"]


def test_the_page_comes_only_when_asked_for_and_has_one_origin_with_the_models(services, compose):
    page, proxy = services["page"], (DEPLOYMENT / "page.nginx.conf").read_text("utf-8")
    assert page["profiles"] == ["page"]
    assert page["depends_on"] == {"serving": {"condition": "service_healthy"}}
    for volume in page["volumes"]:
        source, _, mode = volume.split(":")
        assert (DEPLOYMENT / source).exists()
        assert mode == "ro"
    assert page["volumes"][1].split(":")[1] == re.search(r"root (.*);", proxy).group(1)
    listening = re.search(r"listen (\d+);", proxy).group(1)
    assert page["ports"] == [f"127.0.0.1:{listening}:{listening}"]
    assert f":{listening}/" in page["healthcheck"]["test"][-1]
    assert f"proxy_pass http://serving:{REST};" in proxy


def test_the_proxy_gives_the_page_the_policy_and_the_types_of_the_local_server():
    proxy = (DEPLOYMENT / "page.nginx.conf").read_text("utf-8")
    answer = PageFiles().response("/")
    given = dict(re.findall(r'add_header (\S+) "?(.*?)"? always;', proxy))
    assert given == {name.title(): answer.headers[name] for name in map(str.lower, given)}
    assert {"Content-Security-Policy", "X-Content-Type-Options"} <= given.keys()
    types = re.search(r"types \{(.*?)\}", proxy, re.DOTALL).group(1)
    named = {f".{ending}": kind for kind, ending in re.findall(r"(\S+) (\w+);", types)}
    assert named == {ending: kind.partition(";")[0] for ending, kind in TYPES.items()}


def test_a_pod_is_ready_when_a_served_model_tells_its_status(container):
    paths = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe")}
    assert paths <= {f"/v1/models/{model.name}" for model in served()}
    assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe")} == {"rest"}


def test_services_and_autoscaler_mean_the_deployments_pods(objects, pod):
    labels = pod["metadata"]["labels"]
    deployment = objects["Deployment", "recurrent-applications"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert "replicas" not in deployment["spec"], "it would undo the autoscaler's choice at each apply"
    services = [value for (kind, _), value in objects.items() if kind == "Service"]
    assert [service["spec"]["selector"] for service in services] == [labels, labels]
    target = objects["HorizontalPodAutoscaler", "recurrent-applications"]["spec"]["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"], target["name"]) == (
        deployment["apiVersion"],
        "Deployment",
        deployment["metadata"]["name"],
    )


def test_the_autoscaler_reads_the_metric_that_is_made_of_the_servers_own(objects, pod):
    metric = objects["HorizontalPodAutoscaler", "recurrent-applications"]["spec"]["metrics"][0]["pods"][
        "metric"
    ]
    (rule,) = documents("prometheus_adapter.yaml")[0]["rules"]["custom"]
    assert rule["name"]["as"] == metric["name"]
    assert re.match(r":tensorflow:serving:\w+\{", rule["seriesQuery"])
    path = re.search(r'path: "(.*)"', (MODELS / "monitoring.config").read_text("utf-8")).group(1)
    assert pod["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST),
        "prometheus.io/path": path,
    }


@pytest.mark.skipif(shutil.which("bash") is None, reason="the check is a line of bash")
@pytest.mark.parametrize(("state", "is_healthy"), [("AVAILABLE", True), ("LOADING", False), (None, False)])
def test_the_health_check_tells_a_server_that_serves(compose, state, is_healthy):
    class Status(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/v1/models/translation" and state is not None
            self.send_response(200 if found else 404)
            self.end_headers()
            status = {"version": "1", "state": state, "status": {"error_code": "OK", "error_message": ""}}
            self.wfile.write(
                json.dumps({"model_version_status": [status]} if found else {}, indent=1).encode()
            )

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("localhost", 0), Status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        kind, *command = compose["serving"]["healthcheck"]["test"]
        assert kind == "CMD"
        command[-1] = command[-1].replace(f"/{REST} ", f"/{server.server_port} ")
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
        server.shutdown()
        thread.join()
    assert (done.returncode == 0) == is_healthy
