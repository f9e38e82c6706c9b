"""Measures an exported model, with all its captions and pictures of where it looked.

python -m applications.image_captioning.evaluate --images test_images.tar --captions test_captions.tsv
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from applications.image_captioning import APPLICATION
from applications.image_captioning.config import NAME
from applications.image_captioning.data import evaluation_examples
from applications.image_captioning.predict import DESCRIPTION_FILE, END_MARK, Predictor
from applications.image_captioning.sample import make_scenes
from applications.image_captioning.sentences import mistakes
from common import cli
from common.checks import AtLeast, check_ranges
from common.data.sources import SAMPLE
from common.evaluation.captioning import captioning_metrics, write_captions
from common.evaluation.image_plots import plot_caption_page, plot_word_attention
from common.evaluation.report import numbers_to_draw
from common.evaluation.script import announce, facts_of, report, timed
from common.files import require_writable_folder
from common.images.captioned import CaptionedImages, CaptionSource
from common.inference.extra_files import read_extra
from common.predicting.predictor import Answer, find_model

_IMAGES_OF_A_PAGE = 24


@dataclass(frozen=True)
class Options:
    """What to measure, on which images, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: CaptionSource = field(default_factory=CaptionSource)
    """Where the images and their right captions come from."""
    output: Path = Path("runs/image_captioning/evaluation")
    """Folder for metrics.json, captions.tsv and the pictures."""
    attention: tuple[int, ...] | None = None
    """Numbers of the images, from 1, for which it is drawn where the model looked; the first few unless given."""
    batch_size: Annotated[int, AtLeast(1)] = 16
    """Images that are looked at at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics.

    Images are sent as the squares that the model reads, without loss.
    """
    # What the model must fit is looked at before its graph is loaded, which takes longer.
    path = find_model(NAME, options.model)
    examples = evaluation_examples(options.source, read_extra(path, DESCRIPTION_FILE, NAME)["size"])
    drawn = numbers_to_draw(options.attention, len(examples), "an image")
    predictor = Predictor(path, options.batch_size)
    announce(predictor.path, examples)
    answers, seconds = timed(
        lambda: predictor(examples.images, show_progress=True),
        warm_up=lambda: predictor(examples.images[: options.batch_size]),
    )
    captions = [answer["caption"] for answer in answers]
    is_sample = options.source.data == SAMPLE and options.source.tree is None
    metrics = {
        **measure(captions, examples, is_sample),
        **facts_of(predictor.path, examples, seconds, "images", options.batch_size),
    }
    attended = {number: predictor.attend(examples.images[number - 1]) for number in drawn}
    return report(
        metrics, APPLICATION.title, examples, options.output, partial(draw, examples, captions, attended)
    )


def measure(captions: Sequence[str], examples: CaptionedImages, is_sample: bool) -> dict[str, Any]:
    """The metrics of one caption of each image; of the sample's scenes also what is wrong with them."""
    return captioning_metrics(captions, examples.captions) | (scene_metrics(captions) if is_sample else {})


def draw(
    examples: CaptionedImages, captions: Sequence[str], attended: Mapping[int, Answer], folder: Path
) -> None:
    """The table of captions, a page of them, and where the model looked in the images of some numbers."""
    write_captions(folder / "captions.tsv", examples.origins, examples.captions, captions)
    _draw_page(examples, captions, folder / "captions.png")
    for number, answer in attended.items():
        image = examples.images[number - 1]
        words = [token for token in answer["tokens"] if token != END_MARK]
        plot_word_attention(
            image, words, answer["attention"][: len(words)], folder / f"attention_{number}.png"
        )


def scene_metrics(captions: Sequence[str]) -> dict[str, Any]:
    """How many of the sample's test scenes are described without a mistake, and how many captions hold a mistake of
    each sort.

    Args:
        captions: one of each scene, in their order.
    """
    scenes = make_scenes("test", len(captions))
    sorts_by_caption = [
        {mistake.partition(":")[0] for mistake in mistakes(caption, scene)}
        for caption, scene in zip(captions, scenes, strict=True)
    ]
    return {
        "scenes_without_mistake": sum(not sorts for sorts in sorts_by_caption) / len(sorts_by_caption),
        "captions_with_mistakes": dict(Counter(sort for sorts in sorts_by_caption for sort in sorted(sorts))),
    }


def _draw_page(examples: CaptionedImages, captions: Sequence[str], path: Path) -> None:
    """Images from all over the data, so many as fit on a page."""
    count = min(len(examples), _IMAGES_OF_A_PAGE)
    shown = [len(examples) * place // count for place in range(count)]
    part = examples.select(shown)
    plot_caption_page(list(part.images), [captions[index] for index in shown], part.captions, path)


def main(options: Options) -> None:
    """Measures an exported captioner on captioned images: BLEU, ROUGE-L, CIDEr-D, variety and speed."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
