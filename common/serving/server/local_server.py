"""A local server that speaks TensorFlow Serving's REST and gRPC, for machines without Docker and for tests.

python -m common.serving.server --models saved_models
python -m common.serving.server --page

Production belongs to TensorFlow Serving, which serves the same folders, the same requests and the same answers. Models
run through TensorFlow's C++ SavedModel loader here as there; what is Python is the network, the reading of requests and
the gathering of batches. Where a joint run fails, its requests are run again, each alone, which TensorFlow Serving does
not do (--no-second-runs), and a configuration that is sent over gRPC may name folders in --models only. Not here: TLS,
authentication, metrics other than the number of requests and their latency, GPUs.
"""

import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import tyro
import uvicorn
from fastapi import FastAPI

from common import cli
from common.checks import require_at_least
from common.errors import UserError
from common.model_folders import models_folder
from common.serving.server.request_batching import Batcher, BatchingOptions
from common.startup import quiet_tensorflow

quiet_tensorflow()

from common.serving.server.grpc_metrics import CountingInterceptor  # noqa: E402
from common.serving.server.grpc_model_service import add_model_service  # noqa: E402
from common.serving.server.grpc_services import add_prediction_service  # noqa: E402
from common.serving.server.http_protocol import timed_protocol  # noqa: E402
from common.serving.server.json_workers import JsonWorkers  # noqa: E402
from common.serving.server.listening import MOST_BYTES, Listeners  # noqa: E402
from common.serving.server.log_lines import Log, unfailing  # noqa: E402
from common.serving.server.metrics import RequestMetrics, metrics_path  # noqa: E402
from common.serving.server.model_repository import ModelRepository  # noqa: E402
from common.serving.server.model_sources import ConfiguredSources, FolderSources, links_out_of  # noqa: E402
from common.serving.server.origins import allow_origins, require_origin  # noqa: E402
from common.serving.server.page_files import PageFiles  # noqa: E402
from common.serving.server.rest import rest_application  # noqa: E402
from common.serving.server.serving_core import Limits, ServingCore  # noqa: E402

NOTICE = "This is a local server for trials and tests; production belongs to TensorFlow Serving."
_GRPC_THREADS = 256
_PING_MS = 30_000


@dataclass(frozen=True)
class ServerOptions:
    """What is served, where, and within which limits."""

    models: Path | None = None
    """Folder of model folders, each with numbered versions, of which the highest is served. Unless given, the first
    that is there of RECURRENT_APPLICATIONS_MODELS, ./saved_models and the checkout's saved_models."""
    model_config_file: Path | None = None
    """TensorFlow Serving's models.config: the models to serve and their version policies; a base_path in /models means
    one in --models."""
    allow_version_labels_for_unavailable_models: bool = False
    """Take labels in the configuration for versions that are not served yet, which at the start are all. Without it
    such a label is refused, as by TensorFlow Serving."""
    monitoring_config_file: Path | None = None
    """TensorFlow Serving's monitoring.config: the path, at the port of REST, of the metrics for Prometheus."""
    latest_versions: int = 1
    """Versions of each model that are served, from the highest, where no configuration file says it."""
    host: str = "127.0.0.1"
    """Address to listen on; 127.0.0.1 is reached from this machine only."""
    rest_port: int = 8501
    """Port of REST; 0 picks a free one."""
    grpc_port: int = 8500
    """Port of gRPC; 0 picks a free one."""
    poll_seconds: float = 2.0
    """Between two looks for new versions; 0 looks once."""
    read_seconds: float = 20.0
    """How long a client may take to send a request over REST, and one second more for each 1,000 bytes; over gRPC, to
    begin to talk. Then its connection is closed."""
    page: bool = False
    """Serve the page in the browser at / too, and live sound for it at the WebSocket /listen."""
    allow_origin: tuple[str, ...] = ()
    """Origins of pages on other servers, such as https://host, whose scripts may ask this one; * for all. Unless given,
    browsers let no other page read an answer."""
    max_listeners: int = 8
    """Pages that live sound is heard for at a time."""
    warm_up: bool = False
    """Ask each model its warm-up requests before the server is ready: a slower start, and no slow first answer. A
    version that takes the place of another is always asked them first."""
    threads: int | None = None
    """Threads that TensorFlow may use, for one operation and for operations side by side; all cores unless given."""
    intra_op_threads: int | None = None
    """The former alone. On two cores 1 is the better choice for models whose steps are small, such as handwriting and
    text_generation, and the worse one for translation and image_captioning (see benchmarks/README.md)."""
    batching: tyro.conf.OmitArgPrefixes[BatchingOptions] = field(default_factory=BatchingOptions)
    """How requests share runs of a model."""
    limits: tyro.conf.OmitArgPrefixes[Limits] = field(default_factory=Limits)
    """What one request may ask for."""

    @property
    def folder(self) -> Path:
        """Of the models: --models, or what `common.model_folders` finds."""
        return self.models or models_folder()


@dataclass(frozen=True)
class RunningServer:
    """A server that answers.

    Attributes:
        host: as asked.
        rest_port: of REST.
        grpc_port: of gRPC.
        repository: what it serves.
    """

    host: str
    rest_port: int
    grpc_port: int
    repository: ModelRepository


@contextmanager
def running_server(options: ServerOptions, log: Log = lambda line: None) -> Iterator[RunningServer]:
    """Serves during the block; at its end takes no more requests, answers those under way, and frees the models.

    Args:
        options: ports may be 0.
        log: takes a line for each version that is loaded, refused or retired.

    Raises:
        UserError: a wrong option, no model that can be loaded, or a port that is taken.
    """
    _require_valid(options)
    monitoring = options.monitoring_config_file
    metrics_page = None if monitoring is None else metrics_path(monitoring)
    with ExitStack() as stack:
        rest_socket = stack.enter_context(_listen(options.host, options.rest_port, "--rest-port"))
        # gRPC opens its port itself; that it is taken is told before models are loaded.
        _listen(options.host, options.grpc_port, "--grpc-port").close()
        repository = ModelRepository(
            _sources(options),
            where=str(options.model_config_file or options.folder),
            poll_seconds=options.poll_seconds,
            threads=options.threads,
            intra_op_threads=options.intra_op_threads,
            warms_up=options.warm_up,
            early_labels=options.allow_version_labels_for_unavailable_models,
            log=log,
        )
        stack.callback(repository.close)
        batcher = Batcher(options.batching)
        stack.callback(batcher.close)
        core = ServingCore(repository, batcher, options.limits)
        workers, metrics = JsonWorkers(), RequestMetrics()
        stack.callback(workers.close)
        grpc_port = stack.enter_context(_serving_grpc(core, metrics, options))
        rest = rest_application(core, workers, metrics, metrics_page, PageFiles() if options.page else None)
        if options.allow_origin:
            allow_origins(rest, options.allow_origin)
        if options.page:
            listeners = Listeners(core, options.max_listeners, options.allow_origin, _is_local(options.host))
            stack.callback(listeners.close)
            rest.add_api_websocket_route("/listen", listeners.answer)
        stack.enter_context(_serving_rest(rest, options, rest_socket))
        yield RunningServer(options.host, rest_socket.getsockname()[1], grpc_port, repository)


def main(options: ServerOptions) -> None:
    """Serves models over TensorFlow Serving's REST and gRPC until it is interrupted."""
    console = cli.console()

    say = unfailing(lambda line: console.print(line, markup=False))
    stopped = threading.Event()

    def stop(number: int, _: object) -> None:
        stopped.set()
        signal.signal(number, signal.SIG_DFL)

    say(NOTICE)
    for name in links_out_of(options.folder) if options.model_config_file is None else ():
        say(f"{name}: not served: a link that leads out of {options.folder}")
    with running_server(options, say) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        say(f"ready: REST on {server.host}:{server.rest_port}, gRPC on {server.host}:{server.grpc_port}")
        if options.page:
            say(f"page: http://{_in_address(server.host)}:{server.rest_port}/")
        stopped.wait()
        say("stopping: requests under way are answered first")


def _require_valid(options: ServerOptions) -> None:
    batching, limits = options.batching, options.limits
    require_at_least(
        1,
        latest_versions=options.latest_versions,
        max_batch_size=batching.max_batch_size,
        batch_threads=batching.batch_threads,
        max_queue=batching.max_queue,
        max_request_bytes=limits.max_request_bytes,
        max_rows=limits.max_rows,
        max_string_bytes=limits.max_string_bytes,
        max_listeners=options.max_listeners,
        threads=1 if options.threads is None else options.threads,
        intra_op_threads=1 if options.intra_op_threads is None else options.intra_op_threads,
    )
    require_at_least(
        0,
        poll_seconds=options.poll_seconds,
        batch_timeout_ms=batching.batch_timeout_ms,
        rest_port=options.rest_port,
        grpc_port=options.grpc_port,
    )
    for flag, seconds in (("request", limits.request_seconds), ("read", options.read_seconds)):
        if not seconds > 0:
            raise UserError(f"--{flag}-seconds {seconds}: expected more than 0")
    for origin in options.allow_origin:
        require_origin("--allow-origin", origin)


def _sources(options: ServerOptions) -> FolderSources | ConfiguredSources:
    if options.model_config_file is not None:
        return ConfiguredSources(options.model_config_file, options.folder)
    return FolderSources(options.folder, options.latest_versions)


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_local(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return socket.gethostbyname(host).startswith("127.") if ":" not in host else host == "::1"


def _listen(host: str, port: int, flag: str) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--host {host} {flag} {port}: cannot listen there: {reason}") from None
    # Else the system holds an answer's body back until its header is acknowledged: 40 ms for each request.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


@contextmanager
def _serving_rest(application: FastAPI, options: ServerOptions, listening: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            http=timed_protocol(options.read_seconds),
            ws="websockets-sansio" if options.page else "none",
            ws_max_size=MOST_BYTES,
            # Sound hardly shrinks, and what does not shrink grows beyond the limit.
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=int(options.limits.request_seconds) + 1,
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],), name="rest")
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _serving_grpc(core: ServingCore, metrics: RequestMetrics, options: ServerOptions) -> Iterator[int]:
    server = grpc.server(
        ThreadPoolExecutor(_GRPC_THREADS, thread_name_prefix="grpc"),
        interceptors=[CountingInterceptor(metrics, core.repository.is_known)],
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", options.limits.max_request_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.server_handshake_timeout_ms", round(1000 * options.read_seconds)),
            # A client that does not answer a ping any longer has gone, and what it asked for is dropped.
            ("grpc.keepalive_time_ms", _PING_MS),
            ("grpc.keepalive_timeout_ms", _PING_MS),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    add_prediction_service(server, core)
    add_model_service(server, core.repository, options.folder)
    try:
        port = server.add_insecure_port(f"{_in_address(options.host)}:{options.grpc_port}")
    except RuntimeError:
        raise UserError(
            f"--host {options.host} --grpc-port {options.grpc_port}: cannot listen there"
        ) from None
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=options.limits.request_seconds).wait()
