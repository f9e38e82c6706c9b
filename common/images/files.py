"""Image files as pixels, and pixels as the squares that models read."""

import io
import re
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import UserError

Pixels = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
SERVED = "JPEG, PNG, GIF or BMP"
"""What a served graph reads."""
KINDS = "JPEG, PNG, GIF, BMP, WebP or TIFF"
"""What is read here."""
FOREIGN = (
    ("WebP", r"RIFF.{4}WEBP.*"),
    ("TIFF", r"(II[*+]\x00|MM\x00[*+]).*"),
    ("AVIF", r".{4}ftypavi[fs].*"),
    ("HEIC", r".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1).*"),
    ("a video or sound (MP4, MOV)", r".{4}ftyp.*"),
    ("JPEG XL", r"\x00\x00\x00\x0cJXL .*"),
    ("JPEG 2000", r"\x00\x00\x00\x0cjP  .*"),
    ("PDF", r"%PDF-.*"),
    ("SVG", r"\s*(<\?xml.*|<!--.*|<!DOCTYPE svg.*)?<svg[\s>].*"),
    ("an icon (ICO)", r"\x00\x00\x01\x00.*"),
    ("Photoshop", r"8BPS.*"),
    ("PostScript", r"%!PS.*"),
)
"""Other kinds of image by name, and a regular expression for the first 1,024 bytes of a file, where `.` is any byte."""

_HEAD = 1024
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    # Not read, but told by name.
    *(".heic", ".heif", ".avif", ".jxl", ".jp2"),
)
_ORIENTATION = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(UserError):
    """An image that cannot be used; `reason` says why in a word or two, so that such files can be counted."""

    def __init__(self, name: str, reason: str, explanation: str) -> None:
        super().__init__(f"{name}: {explanation}")
        self.reason = reason


def is_image(name: str) -> bool:
    """Whether the suffix is one that images have."""
    return name.lower().endswith(_SUFFIXES)


def encode_png(pixels: Pixels) -> bytes:
    """Pixels `[height, width, 3]` as a PNG file, quickly rather than small."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def decode_image(content: bytes, name: str) -> Pixels:
    """The pixels `[height, width, 3]` of an image, in RGB and upright.

    It is turned as its EXIF orientation says. Of an animation, or of several pages, it is the first. White shines
    through what is transparent, black where a GIF is. Of 16 bits per channel the upper 8 remain.

    Args:
        content: of a JPEG, PNG, GIF, BMP, WebP or TIFF, of any size up to 64 megapixels and of any mode.
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
        except Image.DecompressionBombError:
            raise ImageError(
                name, "too large", f"too large; expected at most {MAX_PIXELS:,} pixels"
            ) from None
        except Exception:  # Pillow raises whatever its parsers stumble over
            raise _not_read(content, name) from None
        return _rgb_of(image, name)


def rgb_of(image: Image.Image, name: str) -> Pixels:
    """The pixels `[height, width, 3]` of an image of Pillow's, as `decode_image` gives those of its file.

    Raises:
        ImageError: it is empty or too large, has numbers of 32 bits, or cannot be read from its file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _rgb_of(image, name)


def _rgb_of(image: Image.Image, name: str) -> Pixels:
    width, height = image.size
    if not width * height:
        raise ImageError(name, "empty image", f"{width} x {height} pixels; expected at least one")
    if width * height > MAX_PIXELS:
        explanation = f"{width:,} x {height:,} pixels; expected at most {MAX_PIXELS:,} in all"
        raise ImageError(name, "too large", explanation)
    if image.mode in ("F", "I"):
        kind = image.format or "an image"
        explanation = f"{kind} with numbers of 32 bits; expected 8 or 16 bits per channel"
        raise ImageError(name, "image of 32 bits per channel", explanation)
    try:
        return _rgb(image)
    except Exception as error:
        if image.format and getattr(image, "fp", None) is None:
            raise ImageError(name, "closed image", "the image is closed; expected an open one") from None
        reason = "truncated image" if "truncated" in str(error).lower() else "damaged image"
        raise ImageError(name, reason, f"{reason}; expected a whole {KINDS}") from None


def _not_read(content: bytes, name: str) -> ImageError:
    for kind, pattern in FOREIGN:
        if re.fullmatch(pattern.encode(), content[:_HEAD], re.DOTALL):
            is_read = kind in KINDS
            reason = "damaged image" if is_read else kind
            return ImageError(name, reason, f"damaged {kind}" if is_read else f"{kind}; expected {KINDS}")
    return ImageError(name, "not an image", f"not an image; expected {KINDS}")


def _rgb(image: Image.Image) -> Pixels:
    image.load()
    kind = image.format
    # Pillow has turned a TIFF already.
    turn = None if kind == "TIFF" else _TURNS.get(orientation(image.info.get("exif", b"")))
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I"):
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if kind == "BMP" or not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA")).astype(np.float32)
    ground = 0 if kind == "GIF" else 255
    blended = ground + (pixels[..., :3] - ground) * (pixels[..., 3:] / 255)
    return np.round(blended).astype(np.uint8)


def orientation(exif: bytes) -> int:
    """The orientation that EXIF tags tell, from 1 to 8, as an integer of any type; 1, upright, where they tell none.

    Args:
        exif: a TIFF header and what it points to, `Exif\\0\\0` before it or not.
    """
    tags = exif.removeprefix(b"Exif\0\0")
    if tags[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    order = "<" if tags[:1] == b"I" else ">"
    value = 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tags, 4)
        (entries,) = struct.unpack_from(f"{order}H", tags, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, count, at = struct.unpack_from(f"{order}HHII", tags, entry)
            if tag == _ORIENTATION and count and kind in _INTEGERS:
                number = struct.Struct(f"{order}{_INTEGERS[kind]}")
                (value,) = number.unpack_from(tags, at if count * number.size > 4 else entry + 8)
    except struct.error:
        pass
    return value if 1 <= value <= 8 else 1
