"""Captioned images from any source: the application's sample, a data set's name, a user's folder, tar or zip."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from common.data import sources
from common.data.file_trees import walk_tree
from common.data.sources import SAMPLE
from common.errors import UserError
from common.images.caption_files import IN_FOLDER, KINDS, captions_in, read_captions
from common.images.decoding import fit
from common.images.files import ImageError, decode_image, is_image
from common.text.caption_words import caption_tokens
from common.text.tables import TableFormat

_HELD_OUT_FOR_TEST = 0.1
_TOO_FEW = (
    "images are too few to hold some of them out for {part}; give more, or others with --validation-images"
)


@dataclass(frozen=True)
class CaptionSource:
    """Where captioned images come from."""

    data: str = SAMPLE
    """`sample` (made by the application), a data set's name (coco_captions), or a folder, tar or zip of images whose
    captions are in --captions; not needed where --images is given. What exists as a path is a path; what begins with .,
    / or ~ or ends like a file (.csv, .txt, .tar.gz) is meant as one; the rest is a data set's name."""
    images: Path | None = None
    """A folder, tar (.tar.gz, .tar.xz) or zip of JPEG, PNG, GIF, BMP, WebP or TIFF images; those that have captions are
    read."""
    captions: Path | None = None
    """Their captions: a table (CSV, TSV, JSON lines, Parquet) with the columns image and caption, as Kaggle has it, or
    file_name and text, as Hugging Face has it; a token file as of Flickr8k (name.jpg#0<tab>caption); or a JSON as of
    COCO; .gz too. Unless given, metadata.jsonl, metadata.csv or captions.txt in the folder of images."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""
    table: TableFormat = field(default_factory=TableFormat)
    """How the captions are written."""

    def __post_init__(self) -> None:
        if self.images is not None and self.data != SAMPLE:
            raise UserError(f"--images {self.images}: expected no --data beside it, got --data {self.data}")
        if self.captions is not None and self.tree is None:
            raise UserError(
                f"--captions {self.captions}: expected --images, the folder, tar or zip of their images"
            )
        if self.captions_file is None and self.tree is not None:
            flag = "--data" if self.images is None else "--images"
            missing = (
                "" if os.path.exists(sources.expanded(self.tree)) else "; and there is no such file or folder"
            )
            raise UserError(
                f"{flag} {self.tree}: expected --captions, a file of their captions: {KINDS}; or {IN_FOLDER[0]} "
                f"in the folder{missing}"
            )

    @property
    def tree(self) -> Path | None:
        """The folder, tar or zip of a user's images, if it is these that are read."""
        kind = sources.kind_of(self.data)
        return self.images or (kind.path if isinstance(kind, sources.OwnFiles) else None)

    @property
    def captions_file(self) -> Path | None:
        """The file of the captions of a user's images: given, or found beside them."""
        if self.captions is not None or self.tree is None:
            return self.captions
        return captions_in(sources.expanded(self.tree))


@dataclass(frozen=True)
class CaptionedImages:
    """Images (uint8 `[images, size, size, 3]`), the captions of each, where each came from, and what was left out.

    `left_out` counts, by reason, the images and captions that could not be used.
    """

    name: str
    images: np.ndarray
    captions: Sequence[tuple[str, ...]]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def select(self, indices: Sequence[int]) -> "CaptionedImages":
        """The images of the given indices, in their order."""
        return sources.select(self, indices)

    def describe(self) -> str:
        """One line: how many images with how many captions, and what was left out."""
        captions = sum(map(len, self.captions))
        return f"{self.name}: {len(self):,} images with {captions:,} captions{sources.left_out_text(self.left_out)}"


def load_training(
    source: CaptionSource,
    sample: Callable[[str], CaptionedImages],
    validation_images: Path | None = None,
    validation_captions: Path | None = None,
    fraction: float = 0.1,
    size: int = 128,
) -> tuple[CaptionedImages, CaptionedImages]:
    """Training and validation images, each `[size, size, 3]`.

    Validation is the given folder or tar, or else the data set's own validation split, or else a part of the training
    data chosen by a stable hash of each image's name.

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """
    given = None
    if validation_images is not None and validation_captions is not None:
        given, fraction = _read_own(validation_images, validation_captions, size, source.table), 0.0
    elif validation_images is not None or validation_captions is not None:
        raise UserError(
            "--validation-images and --validation-captions: expected both, images and their captions, or neither"
        )
    load = partial(_load, source, sample, fraction, size)
    return sources.with_validation(load, given, _TOO_FEW)


def load_evaluation(
    source: CaptionSource, sample: Callable[[str], CaptionedImages], size: int = 128
) -> CaptionedImages:
    """The images to measure on, each `[size, size, 3]`: the sample's test part, a data set's test split, or all of a
    user's.

    Where a data set has no test split, it is a part of its training data that training leaves out.

    Raises:
        UserError: naming what cannot be read.
    """
    if source.tree is not None and source.captions_file is not None:
        return _read_own(source.tree, source.captions_file, size, source.table)
    return sources.evaluation_part(partial(_load, source, sample, 0.0, size), _TOO_FEW)


def _load(
    source: CaptionSource,
    sample: Callable[[str], CaptionedImages],
    fraction: float,
    size: int,
    parts: Sequence[str],
) -> dict[str, CaptionedImages]:
    if source.tree is not None and source.captions_file is not None:
        examples = _read_own(source.tree, source.captions_file, size, source.table)
        return sources.divide(examples, _names(examples), sources.with_rest({"validation": fraction}), parts)
    if source.data == SAMPLE:
        return {part: _fitted(sample(part), size) for part in parts}
    held_out = {"test": _HELD_OUT_FOR_TEST, "validation": fraction}
    read = partial(_read_tfds, source, size=size)
    return sources.from_data_set(source.data, source.data_dir, read, _names, held_out, parts)


def _names(examples: CaptionedImages) -> list[str]:
    """By what images are divided: their files' names, without folders."""
    return [_base(origin) for origin in examples.origins]


def _fitted(examples: CaptionedImages, size: int) -> CaptionedImages:
    if examples.images.shape[1:3] == (size, size):
        return examples
    return replace(examples, images=np.stack([fit(image, size) for image in examples.images]))


def _read_tfds(source: CaptionSource, split: str, size: int) -> CaptionedImages:
    from common.images.tfds import read_captioned_images

    count, images = read_captioned_images(source.data, split, source.data_dir)
    files = ((image.name, image.content, image.captions) for image in images)
    examples = _collect(f"{source.data} ({split})", files, count, size, Counter())
    return sources.require_usable(examples, "image")


def _read_own(tree: Path, captions_file: Path, size: int, form: TableFormat) -> CaptionedImages:
    captions, unread = read_captions(sources.expanded(captions_file), form)
    name_of = _matcher(captions)
    left_out = Counter(unread)
    captioned: set[str] = set()

    def files() -> Iterator[tuple[str, bytes, Sequence[str]]]:
        for file, read in walk_tree(tree, lambda file: is_image(file) or name_of(file) is not None):
            name = name_of(file)
            if name is None:
                left_out["image without captions"] += 1
            elif name in captioned:
                left_out["second image of a name"] += 1
            else:
                captioned.add(name)
                yield file, read(), captions[name]

    examples = _collect(str(tree), files(), len(captions), size, left_out)
    left_out["caption without an image"] = sum(
        len(captions[name]) for name in captions if name not in captioned
    )
    sources.require_usable(
        examples, "image", f"; {captions_file} has captions of images such as {next(iter(captions))}"
    )
    order = sorted(range(len(examples)), key=lambda index: examples.origins[index])
    return examples if order == list(range(len(examples))) else examples.select(order)


def _matcher(captions: Mapping[str, object]) -> Callable[[str], str | None]:
    """From a file's name in its tree to the image's name in the captions: that name, or an end of it, or its last part.

    Where captions tell images of the same name in several folders apart, the last part alone is none of them.
    """
    of_base: dict[str, str | None] = {}
    for name in captions:
        base = _base(name)
        of_base[base] = None if base in of_base else name

    def name_of(file: str) -> str | None:
        parts = file.split("/")
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((end for end in ends if end in captions), of_base.get(parts[-1]))

    return name_of


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _collect(
    name: str,
    files: Iterable[tuple[str, bytes, Sequence[str]]],
    count: int,
    size: int,
    left_out: Counter[str],
) -> CaptionedImages:
    """The images of (origin, content, captions), each brought to its size as it comes; those of no use are counted.

    Args:
        name: of them all.
        files: `count` at most.
        count: how many images to make room for.
        size: of the square that each becomes.
        left_out: is counted on.
    """
    images = np.empty((count, size, size, 3), np.uint8)
    captions: list[tuple[str, ...]] = []
    origins: list[str] = []
    for origin, content, texts in files:
        usable = tuple(text.strip() for text in texts if caption_tokens(text))
        left_out["caption without words"] += len(texts) - len(usable)
        try:
            image = decode_image(content, origin)
        except ImageError as error:
            left_out[error.reason] += 1
            continue
        if not usable:
            left_out["image without captions"] += 1
            continue
        images[len(origins)] = fit(image, size)
        captions.append(usable)
        origins.append(origin)
    return CaptionedImages(name, images[: len(origins)], captions, origins, left_out)
