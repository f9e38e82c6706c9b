"""The WebSocket `/listen?model=NAME`: sound in, what the model makes of it out, while it is heard.

A page sends blocks of 16-bit PCM, little-endian, mono, 16,000 Hz, as binary messages, and the text "end" where the
recording ends. It gets JSON: first what the model is, then an answer each, then `{"done": true}`; `{"error": "..."}`
says in one line why nothing more comes. Nothing of a session is kept.
"""

import asyncio
import json
import logging
import queue
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from common.audio.files import SAMPLE_RATE
from common.errors import ROW_ERROR
from common.serving.server.live_sound import Outputs, answers, facts_of, way_of_hearing
from common.serving.server.origins import may_listen
from common.serving.server.refusals import RequestError
from common.serving.server.served_models import ServedModel
from common.serving.server.serving_core import ServingCore

END = "end"
MOST_BYTES = 2 * SAMPLE_RATE
"""Of one message: a second of sound."""

_WAITING_BLOCKS = 50
_SILENT_SECONDS = 30.0
_SEND_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_LAST = b""
_TOO_MANY, _REFUSED, _FAILED = 1013, 1008, 1011

Blocks = queue.Queue[bytes]


class Listeners:
    """Hears for several pages at once, and refuses more than it can.

    Args:
        core: has the models.
        most: sessions at a time.
        allowed: origins of other pages that may listen.
        is_local: whether the server is reached from its machine only.

    Example:
        >>> from common.model_folders import model_folder
        >>> from common.serving.server.model_repository import ModelRepository
        >>> from common.serving.server.model_sources import ModelSource
        >>> from common.serving.server.request_batching import Batcher, BatchingOptions
        >>> from common.serving.server.serving_core import Limits
        >>> folder = model_folder("speech_commands")
        >>> sources = [ModelSource("speech_commands", folder, root=folder.resolve())]
        >>> options = {"poll_seconds": 0, "threads": None, "warms_up": False, "log": print}
        >>> repository = ModelRepository(lambda: sources, where=str(folder), **options)
        speech_commands/...: served
        >>> batcher = Batcher(BatchingOptions())
        >>> listeners = Listeners(ServingCore(repository, batcher, Limits()), 2, allowed=(), is_local=True)
        >>> listeners.close()
        >>> batcher.close()
        >>> repository.close()
    """

    def __init__(self, core: ServingCore, most: int, allowed: Collection[str], is_local: bool) -> None:
        self._core, self._most, self._allowed, self._is_local = core, most, allowed, is_local
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="listen")
        self._open = 0

    def close(self) -> None:
        """Waits for the sessions that end."""
        self._threads.shutdown()

    async def answer(self, websocket: WebSocket) -> None:
        """Hears one page until it has said all, or is gone."""
        origin, host = (websocket.headers.get(name) for name in ("origin", "host"))
        if not may_listen(origin, host, self._allowed, self._is_local):
            await websocket.close()
            return
        await websocket.accept()
        if self._open >= self._most:
            await _refuse(websocket, f"{self._most} pages listen already, which is the most", _TOO_MANY)
            return
        self._open += 1
        try:
            with self._core.repository.model(websocket.query_params.get("model", "")) as model:
                await self._hear(websocket, model)
        except RequestError as error:
            await _refuse(websocket, str(error), _REFUSED)
        except WebSocketDisconnect:
            pass
        except Exception:
            logging.getLogger(__name__).exception("a session failed")
            await _refuse(websocket, "internal error; the server's log has more", _FAILED)
        finally:
            self._open -= 1

    async def _hear(self, websocket: WebSocket, model: ServedModel) -> None:
        if not way_of_hearing(model.signatures):
            raise RequestError(f"{model.name} hears no sound: it has no signature for waveforms")
        await websocket.send_text(json.dumps(facts_of(model)))
        blocks: Blocks = queue.Queue(_WAITING_BLOCKS)
        loop = asyncio.get_running_loop()
        heard = loop.run_in_executor(self._threads, self._session, websocket, model, blocks, loop)
        try:
            await _receive(websocket, blocks, heard)
        except BaseException:
            # Nobody waits for what is not heard yet.
            while not blocks.empty():
                blocks.get_nowait()
            raise
        finally:
            await _put(blocks, _LAST, heard)
            await asyncio.wait([heard])
            fault = heard.exception()
        if fault is not None:
            raise fault
        await websocket.send_text('{"done": true}')
        await websocket.close()

    def _session(
        self, websocket: WebSocket, model: ServedModel, blocks: Blocks, loop: asyncio.AbstractEventLoop
    ) -> None:
        waveforms = map(_waveform, iter(blocks.get, _LAST))
        for answer in answers(model, partial(self._run, model), waveforms):
            sent = asyncio.run_coroutine_threadsafe(websocket.send_text(json.dumps(answer)), loop)
            try:
                sent.result(_SEND_SECONDS)
            except RuntimeError:
                # What starlette raises where the page has gone and nobody has read that yet.
                raise WebSocketDisconnect from None

    def _run(self, model: ServedModel, signature: str, inputs: Mapping[str, np.ndarray]) -> Outputs:
        outputs = self._core.submit(model, signature, inputs).result(self._core.limits.request_seconds)
        error = outputs[ROW_ERROR][0].decode("utf-8", "replace") if ROW_ERROR in outputs else ""
        if error:
            raise RequestError(error)
        return outputs


async def _receive(websocket: WebSocket, blocks: Blocks, heard: "asyncio.Future[None]") -> None:
    """Takes what the page sends until it says that this is all, or the model gave up."""
    while not heard.done():
        try:
            message = await asyncio.wait_for(websocket.receive(), _SILENT_SECONDS)
        except TimeoutError:
            raise RequestError(f"no sound came for {_SILENT_SECONDS:g} seconds") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        if message.get("text") == END:
            return
        block = message.get("bytes")
        if not block or len(block) % 2:
            raise RequestError('expected blocks of 16-bit samples, or the text "end"')
        await _put(blocks, block, heard)


async def _put(blocks: Blocks, block: bytes, heard: "asyncio.Future[None]") -> None:
    """Waits for a model that is slower than the sound; the page is held up, by what the network takes ahead."""
    while blocks.full() and not heard.done():
        await asyncio.sleep(_LOOK_SECONDS)
    if not heard.done():
        blocks.put_nowait(block)


def _waveform(block: bytes) -> np.ndarray:
    return np.frombuffer(block, "<i2").astype(np.float32) / 32768


async def _refuse(websocket: WebSocket, reason: str, code: int) -> None:
    if websocket.client_state is WebSocketState.CONNECTED:
        await websocket.send_text(json.dumps({"error": reason}))
        await websocket.close(code)
