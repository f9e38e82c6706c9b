"""Image files as pixels, and pixels as the squares that models read."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from common.errors import UserError

Pixels = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
KINDS = "JPEG, PNG, GIF or BMP"

_FORMATS = ("JPEG", "PNG", "GIF", "BMP")
_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib")


class ImageError(UserError):
    """An image that cannot be used; `reason` says why in a word or two, so that such files can be counted."""

    def __init__(self, name: str, reason: str, explanation: str) -> None:
        super().__init__(f"{name}: {explanation}")
        self.reason = reason


def is_image(name: str) -> bool:
    """Whether the suffix is one that images have."""
    return name.lower().endswith(_SUFFIXES)


def decode_image(content: bytes, name: str) -> Pixels:
    """The pixels `[height, width, 3]` of an image, in RGB and upright.

    A JPEG is turned as its EXIF orientation says. Of an animation it is the first frame. White shines through what is
    transparent, black where a GIF is. Of 16 bits per channel the upper 8 remain.

    Args:
        content: of a JPEG, PNG, GIF or BMP, of any size up to 64 megapixels and of any mode.
        name: of the image, for the message.

    Raises:
        ImageError: it is no such image, is too large, or cannot be read to its end.
    """
    if not content:
        raise ImageError(name, "empty image", f"empty; expected an image ({KINDS})")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image: Image.Image = Image.open(io.BytesIO(content), formats=_FORMATS)
            width, height = image.size
        except Image.DecompressionBombError:
            raise ImageError(
                name, "too large", f"too large; expected at most {MAX_PIXELS:,} pixels"
            ) from None
        except Exception:  # Pillow raises whatever its parsers stumble over
            raise ImageError(name, "not an image", f"not an image; expected {KINDS}") from None
        if width * height > MAX_PIXELS:
            explanation = f"{width:,} x {height:,} pixels; expected at most {MAX_PIXELS:,} in all"
            raise ImageError(name, "too large", explanation)
        try:
            return _rgb(image)
        except Exception as error:
            reason = "truncated image" if "truncated" in str(error).lower() else "damaged image"
            raise ImageError(name, reason, f"{reason}; expected a whole {KINDS}") from None


def fit(image: Pixels, size: int) -> Pixels:
    """Pixels `[height, width, 3]` -> `[size, size, 3]`, as the served graph has them; a square of that size stays."""
    if image.shape[:2] == (size, size):
        return image
    # Imported where it is needed: who only decodes images does not wait for TensorFlow.
    from common.layers.images import fit_square

    return fit_square(image, size).numpy()


def _rgb(image: Image.Image) -> Pixels:
    image.load()
    kind = image.format
    if kind in ("JPEG", "MPO"):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if kind == "BMP" or not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA")).astype(np.float32)
    ground = 0 if kind == "GIF" else 255
    blended = ground + (pixels[..., :3] - ground) * (pixels[..., 3:] / 255)
    return np.round(blended).astype(np.uint8)
