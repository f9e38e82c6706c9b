"""What a server counts of its requests, in Prometheus's text format and by TensorFlow Serving's names.

References:
    tensorflow_serving/servables/tensorflow/util.cc (names, labels, buckets) and util/prometheus_exporter.cc (format);
    https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import grpc
from google.protobuf import text_format

from common.errors import UserError, one_line
from common.inference.protobuf import declare_messages

COUNT = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"
DEFAULT_PATH = "/monitoring/prometheus/metrics"
_LIMITS = [10 * 1.8**power for power in range(33)]  # in microseconds, to about 24 minutes

# tensorflow_serving/config/monitoring_config.proto, which the package tensorflow-serving-api leaves out.
_MESSAGES = declare_messages("""
    message PrometheusConfig { bool enable = 1; string path = 2; }
    message MonitoringConfig { PrometheusConfig prometheus_config = 1; }
""")


@dataclass
class _Histogram:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))
    total: float = 0.0


class RequestMetrics:
    """Requests counted by model and status, and how long the answered ones took; safe to use from several threads.

    Example:
        >>> metrics = RequestMetrics()
        >>> metrics.add("translation", "predict", "REST", grpc.StatusCode.OK, seconds=0.002)
        >>> print(metrics.text().splitlines()[1])
        :tensorflow:serving:request_count{model_name="translation",status="OK"} 1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._latencies: dict[tuple[str, str, str], _Histogram] = {}

    def add(self, model: str, api: str, entrypoint: str, status: grpc.StatusCode, seconds: float) -> None:
        """Counts a request.

        Args:
            model: its name; of a bounded number, since each gets lines of its own.
            api: `predict` and so on over REST, `Predict` and so on over gRPC.
            entrypoint: `REST` or `GRPC`.
            status: its end; how long it took counts only if that is OK.
            seconds: how long it took.
        """
        microseconds = seconds * 1e6
        with self._lock:
            self._counts[model, status.name] += 1
            if status is grpc.StatusCode.OK:
                histogram = self._latencies.setdefault((model, api, entrypoint), _Histogram())
                histogram.buckets[bisect_left(_LIMITS, microseconds)] += 1
                histogram.total += microseconds

    def text(self) -> str:
        """The page that Prometheus reads."""
        with self._lock:
            lines = [f"# TYPE {COUNT} counter"]
            for (model, status), count in sorted(self._counts.items()):
                lines.append(f"{COUNT}{{{_labels(model_name=model, status=status)}}} {count}")
            lines.append(f"# TYPE {LATENCY} histogram")
            for (model, api, entrypoint), histogram in sorted(
                self._latencies.items(), key=lambda item: item[0]
            ):
                labels = _labels(model_name=model, API=api, entrypoint=entrypoint)
                counts = list(accumulate(histogram.buckets))
                limits = [*(f"{limit:g}" for limit in _LIMITS), "+Inf"]
                lines += [
                    f'{LATENCY}_bucket{{{labels},le="{limit}"}} {count}'
                    for limit, count in zip(limits, counts, strict=True)
                ]
                lines.append(f"{LATENCY}_sum{{{labels}}} {histogram.total}")
                lines.append(f"{LATENCY}_count{{{labels}}} {counts[-1]}")
        return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def metrics_path(file: Path) -> str | None:
    """Where a `monitoring.config` of TensorFlow Serving wants the metrics; None if it does not.

    Raises:
        UserError: naming what is wrong with the file.
    """
    try:
        config = text_format.Parse(file.read_text("utf-8"), _MESSAGES["MonitoringConfig"]())
    except OSError as error:
        raise UserError(f"--monitoring-config-file {file}: {error.strerror}") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file}: expected TensorFlow Serving's MonitoringConfig: {one_line(error)}"
        ) from None
    prometheus = config.prometheus_config
    if not prometheus.enable:
        return None
    path = prometheus.path or DEFAULT_PATH
    if not path.startswith("/"):
        raise UserError(f"{file}: prometheus_config: expected a path that begins with /, got {path!r}")
    return path
