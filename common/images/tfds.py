"""Images of standard data sets with their captions, by their tensorflow-datasets name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.data.tfds import prepared_builder, require_split
from common.errors import UserError


@dataclass(frozen=True)
class CaptionedImage:
    """An image of a data set as it lies in its file, and its captions."""

    name: str
    content: bytes
    captions: tuple[str, ...]


def read_captioned_images(
    name: str, split: str, data_dir: Path | None = None
) -> tuple[int, Iterator[CaptionedImage]]:
    """How many images a data set's split holds, and these in their order there.

    Raises:
        UserError: the data set is unknown or does not hold captioned images, or it is neither prepared nor can be
            downloaded.
    """
    import tensorflow_datasets as tfds

    builder = prepared_builder(name, data_dir)
    features = dict(builder.info.features)
    if "image" not in features or "text" not in getattr(features.get("captions"), "feature", ()):
        raise UserError(
            f"--data {name}: expected a data set with an image and captions; its features are {list(features)}"
        )
    require_split(builder, split)
    as_they_are = {"image": tfds.decode.SkipDecoding()}
    dataset = builder.as_dataset(split=split, shuffle_files=False, decoders=as_they_are)

    def read() -> Iterator[CaptionedImage]:
        for number, example in enumerate(dataset.as_numpy_iterator()):
            texts = tuple(text.decode("utf-8") for text in example["captions"]["text"])
            filename = example.get("image/filename", b"").decode("utf-8")
            yield CaptionedImage(filename or f"{split} example {number}", example["image"], texts)

    return builder.info.splits[split].num_examples, read()
