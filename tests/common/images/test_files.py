"""Image files become the pixels that the served graph finds in them, and what is no image is refused by its name."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.images.decoding import decode_images, fit
from common.images.files import ImageError, decode_image, is_image

pytestmark = pytest.mark.slow

SIZE = 24


def picture(width=SIZE, height=SIZE):
    blocks = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture(30, 20), "JPEG", exif=exif, quality=98)


def sheer():
    image = picture(17, 31).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


PALETTE = picture(40, 12).quantize(12)
DEEP = Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (9, 7), dtype=np.uint16))
FILES = {
    "JPEG": saved(picture(33, 21), "JPEG"),
    "greyscale JPEG": saved(picture(33, 21).convert("L"), "JPEG"),
    "CMYK JPEG": saved(picture(33, 21).convert("CMYK"), "JPEG"),
    **{f"JPEG of orientation {number}": turned(number) for number in range(1, 9)},
    "PNG": saved(picture(1, 50)),
    "PNG of one pixel": saved(picture(1, 1)),
    "PNG with a palette": saved(PALETTE),
    "PNG with a palette and transparency": saved(PALETTE, transparency=3),
    "black and white PNG": saved(picture().convert("1")),
    "greyscale PNG of 16 bits": saved(DEEP),
    "PNG with transparency": saved(sheer()),
    "greyscale PNG with transparency": saved(sheer().convert("LA")),
    "GIF": saved(PALETTE, "GIF"),
    "GIF with transparency": saved(PALETTE, "GIF", transparency=PALETTE.getpixel((0, 0))),
    "GIF of two frames": saved(PALETTE, "GIF", save_all=True, append_images=[PALETTE.rotate(180)]),
    "BMP": saved(picture(13, 7), "BMP"),
    "BMP with a palette": saved(PALETTE, "BMP"),
    "BMP with transparency": saved(sheer(), "BMP"),
}


@pytest.fixture(scope="module")
def served():
    traced = tf.function(
        lambda content: decode_images(content, SIZE),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )

    def served(content):
        images, errors = traced(tf.constant([content]))
        assert errors.numpy().tolist() == [b""]
        return np.round(images.numpy()[0] * 255).astype(np.int32)

    return served


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(*chunks, image=PALETTE):
    """A PNG with more chunks after its header."""
    content = saved(image)
    return content[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + content[33:]


def tags(orientation, kind=3, order="<", before=0):
    """EXIF tags of an orientation, as a number of a TIFF type, after other tags."""
    sizes = {1: "B3x", 3: "H2x", 4: "I", 6: "b3x", 8: "h2x", 9: "i"}
    entries = [struct.pack(f"{order}HHII", 0x0100 + place, 4, 1, 7) for place in range(before)]
    entries.append(struct.pack(f"{order}HHI{sizes[kind]}", 0x0112, kind, 1, orientation))
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries) + bytes(4)


def segment(code, content):
    return b"\xff" + bytes([code]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(*segments):
    """A JPEG with more segments at its beginning."""
    content = saved(picture(30, 20), "JPEG", quality=98)
    return content[:2] + b"".join(segment(*one) for one in segments) + content[2:]


EXIF_6 = (0xE1, b"Exif\0\0" + tags(6))
SHORT, LONG = 3, 4
TURNED = {
    **{
        f"type {kind}, {order}": jpeg_with((0xE1, b"Exif\0\0" + tags(6, kind, order, before=3)))
        for kind in (1, 3, 4, 6, 8, 9)
        for order in "<>"
    },
    "after a comment": jpeg_with((0xFE, b"a comment"), EXIF_6),
    "after a comment that names it": jpeg_with((0xFE, b"Exif\0\0" + tags(3)), EXIF_6),
    "after 64 KB": jpeg_with(*[(0xE2, b"ICC_PROFILE\0" + bytes(40_000))] * 3, EXIF_6),
    "after other segments of its kind": jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), EXIF_6),
    "with bytes after the end": jpeg_with(EXIF_6) + b"more \xff\xd9",
    "as a chunk of a PNG": png_with((b"eXIf", tags(6)), image=picture(30, 20)),
}
NOT_TURNED = {
    "in a comment": jpeg_with((0xFE, b"Exif\0\0" + tags(6))),
    "in another segment": jpeg_with((0xE5, b"Exif\0\0" + tags(6))),
    "after the image": jpeg_with() + segment(*EXIF_6),
    "of no sense": jpeg_with((0xE1, b"Exif\0\0?")),
    "that is cut off": jpeg_with((0xE1, b"Exif\0\0" + tags(6)[:14])),
    "as a fraction": jpeg_with((0xE1, b"Exif\0\0" + tags(6).replace(b"\x12\x01\3\0", b"\x12\x01\5\0"))),
    "in a text of a PNG": png_with((b"tEXt", b"Comment\0eXIf" + tags(6)), image=picture(30, 20)),
}
CAN_BE_SEEN_THROUGH = {
    "palette": png_with((b"tEXt", b"Comment\0about tRNS chunks")),
    "grey": png_with((b"tRNS", struct.pack(">H", 200)), image=Image.linear_gradient("L").resize((40, 256))),
    "colours": png_with((b"tRNS", struct.pack(">3H", *picture().getpixel((0, 0)))), image=picture()),
}


@pytest.mark.parametrize("where", TURNED)
def test_an_orientation_counts_wherever_and_however_it_is_written(served, where):
    expected = Image.fromarray(decode_image(jpeg_with(), "")).transpose(Image.Transpose.ROTATE_270)
    if where.endswith("PNG"):
        expected = picture(30, 20).transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(decode_image(TURNED[where], where), np.asarray(expected))
    np.testing.assert_allclose(
        served(TURNED[where]), fit(np.asarray(expected), SIZE).astype(np.int32), atol=1
    )


@pytest.mark.parametrize("where", NOT_TURNED)
def test_what_only_looks_like_an_orientation_turns_nothing(served, where):
    upright = np.asarray(picture(30, 20)) if where.endswith("PNG") else decode_image(jpeg_with(), "")
    np.testing.assert_array_equal(decode_image(NOT_TURNED[where], where), upright)
    np.testing.assert_array_equal(served(NOT_TURNED[where]), fit(upright, SIZE))


@pytest.mark.parametrize("kind", CAN_BE_SEEN_THROUGH)
def test_transparency_of_a_png_is_what_its_own_chunk_says(served, kind):
    content = CAN_BE_SEEN_THROUGH[kind]
    on_white = Image.open(io.BytesIO(content)).convert("RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", on_white.size, "white"), on_white).convert("RGB")
    np.testing.assert_array_equal(decode_image(content, kind), np.asarray(on_white))
    np.testing.assert_allclose(served(content), fit(np.asarray(on_white), SIZE).astype(np.int32), atol=1)


def test_bytes_after_the_end_of_a_file_do_not_count(served):
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        content = saved(PALETTE.convert("L"), kind)
        np.testing.assert_array_equal(served(content + b"tRNS eXIf Exif\0\0 IEND"), served(content))


def gif(
    screen, place, size, *, local=False, transparent=None, interlaced=False, rest=b";", comment=b"", colours=8
):
    """A GIF written by hand: a frame of two colours on a screen, each pixel a code of its own."""
    rng = np.random.default_rng(0)
    table, other = rng.bytes(3 * colours), rng.bytes(3 * colours)
    bits = colours.bit_length() - 2
    pixels = np.arange(size[0] * size[1]) % 7 % colours
    codes = [code for pixel in pixels for code in (8, pixel)] + [9]
    packed = int("".join(f"{code:04b}" for code in reversed(codes)), 2)
    data = packed.to_bytes(len(codes) // 2 + 1, "little")
    blocks = b"".join(
        bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)
    )
    control = b"" if transparent is None else b"!\xf9\4\1\0\0" + bytes([transparent]) + b"\0"
    note = b"!\xfe" + bytes([len(comment)]) + comment + b"\0" if comment else b""
    flags = (0x80 | bits if local else 0) | (0x40 if interlaced else 0)
    return b"".join(
        (
            *(b"GIF89a", struct.pack("<HHBBB", *screen, 0x80 | bits, 3, 0), table, control, note),
            *(b",", struct.pack("<HHHHB", *place, *size, flags), other if local else b""),
            *(b"\3", blocks, b"\0", rest),
        )
    )


GIFS = {
    "fills its screen": gif((24, 24), (0, 0), (24, 24)),
    "is smaller": gif((24, 24), (0, 0), (9, 7)),
    "lies inside": gif((24, 24), (5, 8), (9, 7)),
    "lies inside and has its own colours": gif((24, 24), (5, 8), (9, 7), local=True),
    "lies inside and can be seen through": gif((24, 24), (5, 8), (9, 7), transparent=2),
    "is interlaced": gif((24, 24), (3, 1), (17, 19), interlaced=True),
    "reaches over the screen": gif((9, 7), (5, 8), (19, 16)),
    "is on a wide screen": gif((120, 60), (108, 3), (12, 30)),
    "follows a comment with its mark": gif((24, 24), (5, 8), (9, 7), comment=b",a!\xf9comment;"),
    "is alone and not ended": gif((24, 24), (5, 8), (9, 7), rest=b""),
    "is followed by a broken one": gif((24, 24), (5, 8), (9, 7), rest=b",\0\0\0\0\xff\xff\xff\xff\0\2\5abc"),
    "is followed by nonsense": gif((24, 24), (5, 8), (9, 7), rest=b"\0?!,"),
    "is large": gif((200, 150), (3, 4), (180, 140)),
    "has four colours": gif((24, 24), (5, 8), (9, 7), colours=4),
}


@pytest.mark.parametrize("kind", GIFS)
def test_the_first_frame_of_a_gif_is_shown_on_its_screen(served, kind):
    content = GIFS[kind]
    shown = decode_image(content, kind)
    image = Image.open(io.BytesIO(content))
    ground = Image.new("RGBA", image.size, "black")
    expected = np.asarray(Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB"))
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_allclose(served(content), fit(expected, SIZE).astype(np.int32), atol=1)


@given(
    st.tuples(*[st.integers(1, 40)] * 2),
    st.tuples(*[st.integers(0, 50)] * 2),
    st.tuples(*[st.integers(1, 30)] * 2),
)
@settings(max_examples=30, deadline=None)
def test_wherever_a_frame_lies_the_graph_and_pillow_show_the_same(served, screen, place, size):
    content = gif(screen, place, size)
    np.testing.assert_allclose(served(content), fit(decode_image(content, ""), SIZE).astype(np.int32), atol=1)


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_kinds_that_pillow_alone_reads_are_read(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(
        decode_image(saved(picture(9, 5), kind, **options), kind), np.asarray(picture(9, 5))
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode_image(saved(picture(9, 5), kind, exif=exif, **options), kind)
    np.testing.assert_array_equal(turned, np.asarray(picture(9, 5).transpose(Image.Transpose.ROTATE_270)))


@pytest.mark.parametrize("kind", FILES)
def test_what_is_trained_on_is_what_is_served(served, kind):
    image = fit(decode_image(FILES[kind], kind), SIZE)
    assert image.shape == (SIZE, SIZE, 3)
    assert image.dtype == np.uint8
    # To turn an image before it is squashed or after makes a rounding's difference.
    np.testing.assert_allclose(image.astype(np.int32), served(FILES[kind]), atol=1)


def test_pixels_are_those_that_were_saved():
    image = picture(9, 5)
    np.testing.assert_array_equal(decode_image(saved(image), "a.png"), np.asarray(image))
    np.testing.assert_array_equal(fit(np.asarray(picture()), SIZE), np.asarray(picture()))
    assert decode_image(turned(6), "phone.jpg").shape == (30, 20, 3)


def huge(width, height):
    content = bytearray(saved(picture()))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [
        (b"", "empty image", r"photo\.jpg: empty; expected an image"),
        (b"a text", "not an image", r"photo\.jpg: not an image; expected JPEG, PNG, GIF, BMP, WebP or TIFF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", r"photo\.jpg: HEIC; expected JPEG, PNG"),
        (saved(picture(), "AVIF"), "AVIF", r"photo\.jpg: AVIF; expected JPEG, PNG"),
        (b"%PDF-1.7\n", "PDF", r"photo\.jpg: PDF; expected JPEG, PNG"),
        (saved(picture(), "WEBP")[:14], "damaged image", r"photo\.jpg: damaged WebP"),
        (
            saved(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
            "image of 32 bits per channel",
            r"photo\.jpg: TIFF with numbers of 32 bits; expected 8 or 16",
        ),
        (
            saved(picture(90, 90), "JPEG")[:-200],
            "truncated image",
            r"photo\.jpg: truncated image; expected a whole",
        ),
        (saved(picture(90, 90), "BMP")[:400], "truncated image", r"photo\.jpg: truncated image"),
        (huge(8_001, 8_000), "too large", r"photo\.jpg: 8,001 x 8,000 pixels; expected at most 64,000,000"),
        (huge(10_000, 10_000), "too large", r"photo\.jpg: 10,000 x 10,000 pixels"),
        (huge(100_000, 100_000), "too large", r"photo\.jpg: too large; expected at most 64,000,000 pixels"),
    ],
)
def test_what_is_no_whole_image_is_refused_by_name_in_one_line(content, reason, message):
    with pytest.raises(ImageError, match=message) as refused:
        decode_image(content, "photo.jpg")
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


@given(st.sampled_from([*FILES.values()]), st.data())
@settings(max_examples=100)
def test_whatever_is_done_to_a_file_it_is_read_or_refused_in_one_line(content, data):
    spoilt = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode_image(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]), "photo.jpg")
    except ImageError as error:
        message = str(error)
    else:
        message = "photo.jpg: "
        assert image.dtype == np.uint8
        assert image.shape == (*image.shape[:2], 3)
    assert message.startswith("photo.jpg: ")
    assert "\n" not in message


def test_images_are_known_by_their_suffixes():
    assert all(
        map(is_image, ("a.jpg", "b/c.JPEG", "d.png", "e.gif", "f.bmp", "g.webp", "h.TIF", "i.tiff", "j.heic"))
    )
    assert not any(map(is_image, ("a.txt", "jpg", "b.tsv", "c.jpg.txt")))
