"""Image files of every kind become the pixels that Pillow finds in them, and each that is no image is told why, in its
own row."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from benchmarks.damaged_images import GRAPH, KINDS, RAISED, UNLIKE, compared
from common.export.saved_model import Signature, export_saved_model
from common.images.decoding import decode_images, fit_square
from common.inference.runner import SavedModelRunner

pytestmark = pytest.mark.slow

SIZE = 24
ORIENTATION = 0x0112


def picture(width=SIZE, height=SIZE, seed=0):
    """Blocks of random colours, each different, so that no turn of it looks like another."""
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


def pixels(image):
    return np.asarray(image.convert("RGB"), np.int32)


@pytest.fixture(scope="module")
def decode():
    traced = tf.function(
        lambda content: decode_images(content, SIZE),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )

    def decode(*contents):
        images, errors = traced(tf.constant(contents, tf.string))
        assert not any(errors.numpy()), errors
        return np.round(images.numpy() * 255).astype(np.int32)

    decode.traced = traced
    return decode


@pytest.fixture(scope="module")
def answers(decode):
    """The pixels and the error of each file, in one batch; a file that has an error is black."""

    def answers(*contents):
        images, errors = (tensor.numpy() for tensor in decode.traced(tf.constant(contents, tf.string)))
        assert images.shape == (len(contents), SIZE, SIZE, 3)
        assert 0 <= images.min() <= images.max() <= 1
        assert not images[errors != b""].any()
        return np.round(images * 255).astype(np.int32), [error.decode() for error in errors]

    return answers


def sheer(image=None):
    """The picture with all degrees of transparency."""
    image = (image or picture()).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


JPEGS = {
    "colour": saved(picture(), "JPEG"),
    "greyscale": saved(picture().convert("L"), "JPEG"),
    "progressive": saved(picture(), "JPEG", progressive=True),
    "CMYK": saved(picture().convert("CMYK"), "JPEG"),
    "finely sampled": saved(picture(), "JPEG", subsampling=0, quality=98),
    "with bytes after its end": saved(picture(), "JPEG") + b"more",
}
PALETTE = picture().quantize(12)
OTHERS = {
    "PNG": saved(picture(), "PNG"),
    "greyscale PNG": saved(picture().convert("L"), "PNG"),
    "black and white PNG": saved(picture().convert("1"), "PNG"),
    "PNG with a palette": saved(PALETTE, "PNG"),
    "PNG with bytes after its end": saved(picture(), "PNG") + b"more",
    "GIF": saved(PALETTE, "GIF"),
    "GIF of two frames": saved(PALETTE, "GIF", save_all=True, append_images=[PALETTE.rotate(90)]),
    "BMP": saved(picture(), "BMP"),
    "greyscale BMP": saved(picture().convert("L"), "BMP"),
    "black and white BMP": saved(picture().convert("1"), "BMP"),
    "BMP with a palette": saved(PALETTE, "BMP"),
    "BMP of 32 bits": saved(picture().convert("RGBA"), "BMP"),
    "BMP with bytes after its end": saved(picture(), "BMP") + b"more",
}


@pytest.fixture(scope="module")
def decoded(decode):
    """The pixels of each kind of file, of all in one batch: seeding each test anew lets a graph begin anew in it."""
    kinds = JPEGS | OTHERS
    return dict(zip(kinds, decode(*kinds.values()), strict=True))


@pytest.mark.parametrize("kind", [*JPEGS, *OTHERS])
def test_each_kind_of_file_has_the_pixels_that_pillow_finds(decoded, kind):
    np.testing.assert_array_equal(decoded[kind], pixels(opened((JPEGS | OTHERS)[kind])))


@pytest.mark.parametrize("image", [sheer(), sheer(picture().convert("L")).convert("LA")], ids=["RGBA", "LA"])
def test_white_shines_through_what_is_transparent(decode, image):
    white = Image.new("RGBA", image.size, "white")
    expected = Image.alpha_composite(white, image.convert("RGBA"))
    np.testing.assert_allclose(decode(saved(image, "PNG"))[0], pixels(expected), atol=1)


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_colour_that_is_marked_as_transparent_is_white(decode, mode):
    image = PALETTE if mode == "P" else picture().convert(mode)
    marked = image.getpixel((0, 0))
    expected = pixels(image).copy()
    expected[(pixels(image) == pixels(image)[0, 0]).all(axis=-1)] = 255
    np.testing.assert_array_equal(decode(saved(image, "PNG", transparency=marked))[0], expected)


def test_of_16_bits_the_upper_8_remain(decode):
    deep = np.random.default_rng(0).integers(0, 2**16, (SIZE, SIZE), dtype=np.uint16)
    expected = np.repeat((deep >> 8)[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(saved(Image.fromarray(deep), "PNG"))[0], expected)


@pytest.mark.parametrize("endian", "<>")
def test_a_jpeg_is_turned_as_its_orientation_says(decode, endian):
    contents = []
    for told in range(10):
        exif = Image.Exif()
        exif.endian = endian
        exif[0x010F], exif[ORIENTATION], exif[0x0131] = "maker", told, "software"
        contents.append(saved(picture(), "JPEG", exif=exif, quality=98))
    expected = [pixels(ImageOps.exif_transpose(opened(content))) for content in contents]
    assert len({image.tobytes() for image in expected}) == 8
    np.testing.assert_array_equal(decode(*contents), expected)


def test_a_jpeg_whose_orientation_is_cut_off_or_nonsense_stays_upright(decode):
    plain = saved(picture(), "JPEG")
    for exif in (b"", b"MM\0*", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"?"):
        content = saved(picture(), "JPEG", exif=b"Exif\0\0" + exif)
        np.testing.assert_array_equal(decode(content), decode(plain))


def bitmap(bits, width, height, compression=0, masks=(), header=40, seed=0):
    """A BMP written by hand; from the top where the height is negative."""
    rng = np.random.default_rng(seed)
    palette = rng.bytes(4 * 2**bits) if bits <= 8 else struct.pack(f"<{len(masks)}I", *masks)
    row = (width * bits + 31) // 32 * 4
    rest = rng.bytes(row * abs(height))
    begin = 14 + 40 + len(palette)
    sizes = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(rest), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", begin + len(rest), 0, 0, begin) + sizes + palette + rest


def squashed(image):
    return pixels(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("bits", [1, 4, 8, 24, 32])
def test_bitmaps_of_every_depth_and_width_are_read(decode, bits):
    contents = [bitmap(bits, width, height) for width in (1, 5, 17, SIZE) for height in (-6, SIZE)]
    expected = [squashed(opened(content)) for content in contents]
    np.testing.assert_allclose(decode(*contents), expected, atol=1)


def test_the_usual_masks_of_a_bitmap_are_read(decode):
    content = bitmap(32, 7, 5, compression=3, masks=(0xFF0000, 0xFF00, 0xFF))
    np.testing.assert_allclose(decode(content)[0], squashed(opened(content)), atol=1)


SIZES = st.integers(1, 70)


@given(st.lists(st.tuples(SIZES, SIZES, st.sampled_from(["PNG", "BMP", "GIF"])), min_size=1, max_size=4))
@settings(max_examples=20)
def test_images_of_any_sizes_are_squashed_smoothly_each_on_its_own(decode, wanted):
    images = [picture(width, height, seed=width).quantize(12) for width, height, _ in wanted]
    contents = [saved(image, kind) for image, (_, _, kind) in zip(images, wanted, strict=True)]
    np.testing.assert_allclose(decode(*contents), [squashed(image) for image in images], atol=1)


@given(SIZES, SIZES, st.integers(1, 40))
@settings(max_examples=20)
def test_a_square_of_the_right_size_stays_and_a_batch_is_fitted_like_its_images(width, height, size):
    image = np.array(picture(width, height))
    square = fit_square(tf.constant(image), size)
    assert square.dtype == tf.uint8
    np.testing.assert_array_equal(fit_square(square, size), square)
    np.testing.assert_array_equal(fit_square(tf.constant([image, image]), size)[1], square)


def test_a_batch_may_be_empty(decode):
    assert decode().shape == (0, SIZE, SIZE, 3)


def noted(text):
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", text)
    return note


def huge(kind):
    """A file that tells of more pixels than are allowed, and is whole but for them."""
    if kind == "PNG":
        content = bytearray(saved(picture(), "PNG"))
        content[16:24] = struct.pack(">II", 10_000, 10_000)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif kind == "JPEG":
        content = bytearray(saved(picture(), "JPEG"))
        sizes = content.index(b"\xff\xc0") + 5
        content[sizes : sizes + 4] = struct.pack(">HH", 10_000, 10_000)
    elif kind == "GIF":
        content = bytearray(saved(PALETTE, "GIF"))
        content[6:10] = struct.pack("<HH", 10_000, 10_000)
    else:
        content = bytearray(bitmap(24, 4, 4))
        content[18:26] = struct.pack("<ii", 10_000, -10_000)
    return bytes(content)


REFUSED = {
    "nothing": (b"", "empty; expected an image"),
    "text": (b"a text named photo.jpg", "not an image; expected JPEG, PNG, GIF or BMP"),
    "one byte": (b"\xff", "not an image"),
    "WebP": (saved(picture(), "WEBP"), "WebP; expected JPEG, PNG, GIF or BMP"),
    "TIFF": (saved(picture(), "TIFF"), "TIFF; expected JPEG, PNG, GIF or BMP"),
    "AVIF": (saved(picture(), "AVIF"), "AVIF; expected JPEG, PNG, GIF or BMP"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1\xff", "HEIC; expected JPEG, PNG, GIF or BMP"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF; expected JPEG, PNG, GIF or BMP"),
    "SVG": (b'<?xml version="1.0"?>\n<svg width="4" height="4"/>', "SVG; expected JPEG, PNG, GIF or BMP"),
    "half a JPEG": (JPEGS["colour"][:300], "truncated JPEG"),
    "the beginning of a JPEG": (JPEGS["colour"][:4], "truncated JPEG"),
    "a JPEG without its end": (JPEGS["colour"][:-2], "truncated JPEG"),
    "half a PNG": (OTHERS["PNG"][: len(OTHERS["PNG"]) // 2], "truncated PNG"),
    "the beginning of a PNG": (OTHERS["PNG"][:8], "truncated PNG"),
    "half a BMP": (OTHERS["BMP"][: len(OTHERS["BMP"]) // 2], "truncated BMP"),
    "a BMP without its end": (OTHERS["BMP"][:-1], "truncated BMP"),
    "the beginning of a BMP": (b"BM", "0 x 0 pixels"),
    "a BMP of OS/2": (bitmap(24, 4, 4, header=12), "OS/2"),
    "a BMP of 16 bits": (bitmap(16, 4, 4), "compressed or of 16 bits"),
    "a compressed BMP": (bitmap(8, 4, 4, compression=1), "compressed or of 16 bits"),
    "a BMP of other masks": (bitmap(32, 4, 4, 3, (0xFF, 0xFF00, 0xFF0000)), "compressed or of 16 bits"),
    "an empty BMP": (bitmap(24, 0, 4), "0 x 4 pixels"),
    **{
        f"a huge {kind}": (huge(kind), "10000 x 10000 pixels; expected at most 64,000,000")
        for kind in ("PNG", "JPEG", "GIF", "BMP")
    },
    "half a GIF": (OTHERS["GIF"][: len(OTHERS["GIF"]) // 2], "truncated or damaged GIF"),
    "the beginning of a GIF": (OTHERS["GIF"][:6], "truncated or damaged GIF"),
    "a JPEG of nothing": (b"\xff\xd8\xff\xd9", "damaged JPEG"),
    "a PNG of zeros": (OTHERS["PNG"][:40] + bytes(40) + OTHERS["PNG"][80:], "damaged PNG"),
    "a cut JPEG with a whole small one in it": (
        saved(picture(), "JPEG", exif=b"Exif\0\0" + JPEGS["colour"])[:-2],
        "truncated JPEG",
    ),
    "a cut PNG that speaks of its end": (
        saved(picture(), "PNG", pnginfo=noted("IEND"))[:-12],
        "truncated PNG",
    ),
}


WHOLE = [*JPEGS.values(), *OTHERS.values()]


@pytest.fixture(scope="module")
def among_whole_ones(answers):
    """The pixels and the error of every refused file by its name, and of the whole ones before, amid and after them."""
    contents = [content for content, _ in REFUSED.values()]
    half = len(contents) // 2
    batch = [JPEGS["colour"], *contents[:half], OTHERS["GIF"], *contents[half:], OTHERS["BMP"]]
    rows = list(zip(*answers(*batch), strict=True))
    whole = [rows.pop(place) for place in (len(rows) - 1, half + 1, 0)][::-1]
    return dict(zip(REFUSED, rows, strict=True)), whole


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_whole_image_is_told_why(among_whole_ones, kind):
    refused, _ = among_whole_ones
    pixels, error = refused[kind]
    assert REFUSED[kind][1] in error
    assert "\n" not in error
    assert not pixels.any()


def test_what_is_no_whole_image_leaves_its_neighbours_alone(decode, among_whole_ones):
    _, whole = among_whole_ones
    assert [error for _, error in whole] == ["", "", ""]
    expected = decode(JPEGS["colour"], OTHERS["GIF"], OTHERS["BMP"])
    np.testing.assert_array_equal([pixels for pixels, _ in whole], expected)


@given(st.sampled_from(WHOLE), st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_is_done_to_a_file_it_is_read_or_told_why(answers, content, data):
    spoilt = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    answers(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]))


@given(
    st.lists(st.one_of(st.sampled_from(WHOLE), st.sampled_from([c for c, _ in REFUSED.values()])), max_size=8)
)
@settings(max_examples=15, deadline=None)
def test_each_file_of_a_batch_has_the_answer_that_it_has_alone(answers, contents):
    if contents:
        images, errors = answers(*contents)
        for content, image, error in zip(contents, images, errors, strict=True):
            alone = answers(content)
            np.testing.assert_array_equal(alone[0][0], image)
            assert alone[1] == [error]


@pytest.mark.parametrize("kind", KINDS)
def test_no_damaged_file_raises_and_what_is_read_is_what_the_loader_reads(kind):
    outcomes = compared(kind, 60, seed=1)
    assert outcomes.total() == 60
    assert not outcomes[RAISED]
    assert outcomes[UNLIKE] + outcomes[GRAPH] <= 6


SERVED = [*WHOLE, saved(sheer(), "PNG")]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A SavedModel that decodes."""
    signature = Signature(
        "serving_default",
        lambda image_bytes: dict(zip(("image", "error"), decode_images(image_bytes, SIZE), strict=True)),
        {"image_bytes": tf.TensorSpec([None], tf.string)},
        {"image_bytes": SERVED},
    )
    return export_saved_model([signature], tmp_path_factory.mktemp("exported") / "images")


def test_the_server_reads_and_refuses_alike(decode, exported):
    with SavedModelRunner(exported) as served:
        images = served.run("serving_default", image_bytes=SERVED)["image"]
        assert images.dtype == np.float32
        np.testing.assert_array_equal(np.round(images * 255), decode(*SERVED))
        contents = [content for content, _ in REFUSED.values()]
        answer = served.run("serving_default", image_bytes=[SERVED[0], *contents, SERVED[1]])
        assert not answer["image"][1:-1].any()
        for error, (_, message) in zip(answer["error"][1:-1], REFUSED.values(), strict=True):
            assert message in error.decode()
        np.testing.assert_array_equal(np.round(answer["image"][[0, -1]] * 255), decode(*SERVED[:2]))
        assert served.run("serving_default", image_bytes=[])["error"].shape == (0,)


def test_requests_at_once_and_on_one_thread_have_their_answers(decode, exported):
    contents = [JPEGS["colour"], REFUSED["a JPEG of nothing"][0], OTHERS["GIF"], REFUSED["half a GIF"][0]]
    expected = decode(contents[0], contents[2])
    with SavedModelRunner(exported, threads=1) as served, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: served.run("serving_default", image_bytes=contents), range(16)))
    for answer in found:
        assert [bool(error) for error in answer["error"]] == [False, True, False, True]
        np.testing.assert_array_equal(np.round(answer["image"][[0, 2]] * 255), expected)
