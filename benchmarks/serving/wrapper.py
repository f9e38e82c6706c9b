"""A SavedModel behind one FastAPI endpoint, as one writes it with TensorFlow's Python package: a peer of the local
server.

python -m benchmarks.serving.wrapper MODEL
"""

import base64
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Request(BaseModel):
    """TensorFlow Serving's JSON of one row."""

    instances: list[dict[str, Any]]


def wrapped(model: Path) -> FastAPI:
    """The application that answers `POST /predict` with the signature `serving_default`, each request by itself."""
    application = FastAPI()
    # A signature alone does not keep the variables that it reads.
    application.state.model = loaded = tf.saved_model.load(str(model))
    serve = loaded.signatures["serving_default"]
    types = {name: spec.dtype for name, spec in serve.structured_input_signature[1].items()}

    # No `async`: FastAPI runs it in a pool of threads, where it does not hold up the reading of other requests.
    @application.post("/predict")
    def predict(request: Request) -> dict[str, Any]:
        (row,) = request.instances
        outputs = serve(**{name: tf.constant([_read(row[name])], dtype) for name, dtype in types.items()})
        answer = {name: _written(outputs[name].numpy()[0]) for name in outputs}
        return {"predictions": [answer if len(answer) > 1 else next(iter(answer.values()))]}

    return application


def _read(value: Any) -> Any:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def _written(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    values = value.tolist()
    return [_written(element) for element in values] if value.dtype == object else values


def main(model: str) -> None:
    """Serves a model on a free port, which uvicorn tells on standard error."""
    uvicorn.run(wrapped(Path(model)), host="127.0.0.1", port=0, access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
