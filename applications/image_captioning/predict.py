"""Answers from the exported SavedModel: a caption of each image. Imports no Keras and no TensorFlow.

python -m applications.image_captioning.predict photo.jpg photos/
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar, overload

import tyro

from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import FlagError, UserError
from common.images.files import decode_image
from common.inference.extra_files import read_extra
from common.predicting.answer_files import require_answer_file, require_picture
from common.predicting.examples import Column
from common.predicting.hypotheses import existing_hypotheses
from common.predicting.images import (
    GivenImage,
    ImageFile,
    ask_of_images,
    images_at,
    outcomes_of_images,
)
from common.predicting.input_files import STANDARD_INPUT, GivenFiles, is_single, printable
from common.predicting.predictor import Answer, LoadedModel, decoded, rows_of
from common.predicting.script import Shown, answer_files
from common.predicting.texts import chunks

DESCRIPTION_FILE = Path("assets.extra") / "model.json"
END_MARK = "</s>"

_COLUMNS = ("file", "caption", "score")

T = TypeVar("T")


class Predictor(LoadedModel):
    """Captions images with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: images that are looked at at once.

    Attributes:
        size: side of the square that the model squashes each image to.
        grid: places on each side of what it attends to.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 16) -> None:
        super().__init__("image_captioning", model, batch_size)
        described = read_extra(self.path, DESCRIPTION_FILE, "image_captioning")
        self.size: int = described["size"]
        self.grid: int = described["grid"]

    @overload
    def __call__(self, images: str | Path | bytes, *, show_progress: bool | None = None) -> Answer: ...

    @overload
    def __call__(
        self, images: Sequence[GivenImage], *, show_progress: bool | None = None
    ) -> list[Answer]: ...

    @overload
    def __call__(self, images: Any, *, column: Column = None, show_progress: bool | None = None) -> Any: ...

    def __call__(self, images: Any, *, column: Column = None, show_progress: bool | None = None) -> Any:
        """`{"caption", "score"}` for one image, a list of them for several.

        The score is the caption's log-probability over a penalty for its length.

        Args:
            images: a path, the bytes of an image file, an open one, an image of Pillow's, or pixels (see
                `common.images.pixels`); a list of these, pixels `[images, height, width, channels]`, or a data frame.
            column: of a data frame.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no image, or cannot be used, and why.
        """
        return self._all("serving_default", images, _answer, show_progress, column)

    def n_best(self, images: Any, *, column: Column = None, show_progress: bool | None = None) -> Any:
        """The search's captions of one image, the best first, each as of `__call__`; a list of them for a list."""
        return self._all("n_best", images, _hypotheses, show_progress, column)

    def attend(self, images: Any, *, column: Column = None, show_progress: bool | None = None) -> Any:
        """`{"caption", "tokens", "attention"}` for one image, a list of them for a list.

        `attention` `[tokens, grid, grid]` tells where in the image, squashed to a square, the model looked as it wrote
        each of the tokens, which are the caption's words and, if it came to one, the end "</s>".
        """
        return self._all("attend", images, _attended, show_progress, column)

    def embed(self, images: Any, *, column: Column = None, show_progress: bool | None = None) -> Any:
        """The vector `[channels]` of what the model sees in one image; a list of them for a list."""
        return self._all("embed", images, lambda row: row["vector"], show_progress, column)

    def outcomes(self, files: Sequence[ImageFile], *, n_best: bool = False) -> list[list[Answer] | UserError]:
        """For each file the captions to show, one or the search's, or what is wrong with it."""
        rows = outcomes_of_images(partial(self._run, "n_best" if n_best else "serving_default"), files)
        shown = _hypotheses if n_best else lambda row: [_answer(row)]
        return [row if isinstance(row, UserError) else shown(row) for row in rows]

    def _all(
        self,
        signature: str,
        images: Any,
        shown: Callable[[Answer], T],
        show_progress: bool | None,
        column: Column,
    ) -> Any:
        asked = partial(self._run, signature)
        rows = ask_of_images(asked, images, column, self.batch_size, "captioning", show_progress)
        return [shown(row) for row in rows] if isinstance(rows, list) else shown(rows)

    def _run(self, signature: str, contents: Sequence[bytes]) -> list[Answer]:
        outputs = self._runner.run(signature, image_bytes=contents)
        return rows_of(outputs, len(contents))


def _answer(row: Answer) -> Answer:
    return {"caption": decoded(row["caption"]), "score": float(row["score"])}


def _hypotheses(row: Answer) -> list[Answer]:
    hypotheses = existing_hypotheses(row["captions"], row["scores"])
    return [{"caption": decoded(caption), "score": score} for caption, score in hypotheses]


def _attended(row: Answer) -> Answer:
    tokens = [decoded(token) for token in row["tokens"] if token]
    attention = row["attention"][: len(tokens)]
    return {"caption": decoded(row["caption"]), "tokens": tokens, "attention": attention}


@dataclass(frozen=True)
class Options:
    """Images come from the arguments, or else from standard input."""

    images: tyro.conf.Positional[tuple[str, ...]] = ()
    """Image files (JPEG, PNG, GIF, BMP, WebP, TIFF), folders, tars or zips of them, file: URLs, or - for an image on
    standard input."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    output: Path | None = None
    """Write the answers to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name
    for the lines that the terminal would show."""
    n_best: bool = False
    """Show all captions that the search found for each image, each with its score."""
    attention: Path | None = None
    """Draw where in a single image the model looked as it wrote each word, as a PNG."""
    batch_size: Annotated[int, AtLeast(1)] = 16
    """Images that are looked at at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_answer_file(self.output)
        require_picture(self.attention, "--attention")
        if self.attention is not None and not is_single(self.images):
            raise FlagError(f"--attention {self.attention}: expected a single image")


def main(options: Options) -> None:
    """Describes each image in a sentence with an exported model."""
    if not options.images and sys.stdin.isatty():
        raise UserError("no images; expected image files, folders of them, or an image on standard input")
    predictor = Predictor(options.model, options.batch_size)
    given = GivenFiles(options.images or (STANDARD_INPUT,), images_at)
    answer_files(given, options.output, _COLUMNS, _captioned(predictor, given, options))


def _captioned(predictor: Predictor, given: GivenFiles[bytes], options: Options) -> Iterator[Shown]:
    for chunk in chunks((ImageFile(*one) for one in given.contents()), options.batch_size):
        for file, outcome in zip(chunk, predictor.outcomes(chunk, n_best=options.n_best), strict=True):
            if isinstance(outcome, UserError):
                given.complain(outcome)
                continue
            if options.attention is not None:
                _draw_attention(predictor, file, options.attention)
            rounded = [{**one, "score": round(one["score"], 6)} for one in outcome]
            record = {"file": file.name, **rounded[0]} | ({"n_best": rounded} if options.n_best else {})
            yield Shown(record, _lines(file.name, outcome, options), [{**record, **one} for one in rounded])


def _lines(name: str, outcome: Sequence[Answer], options: Options) -> list[str]:
    if not options.n_best:
        return [f"{outcome[0]['caption']}\t{printable(name)}"]
    return [f"{one['score']:.4f}\t{one['caption']}\t{printable(name)}" for one in outcome]


def _draw_attention(predictor: Predictor, file: ImageFile, path: Path) -> None:
    # Imported where it is needed: without a picture there is no waiting for matplotlib.
    from common.evaluation.image_plots import plot_word_attention

    attended = predictor.attend(file.content)
    words = [token for token in attended["tokens"] if token != END_MARK]
    plot_word_attention(decode_image(*file[::-1]), words, attended["attention"][: len(words)], path)


if __name__ == "__main__":
    cli.run(main, Options)
