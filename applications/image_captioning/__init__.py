"""Image captioning: an image -> a sentence that describes it, by a recurrent decoder that attends to the image."""

from functools import partial
from importlib import resources

from common.application import Application, Question


def photograph(name: str) -> bytes:
    """One of the two photographs that scikit-learn ships (CC BY): china.jpg or flower.jpg."""
    return resources.files("sklearn.datasets.images").joinpath(name).read_bytes()


def _drawn_scene() -> bytes:
    # Imported where it is needed: the drawing needs more than the declaration.
    from applications.image_captioning.sample import make_scenes
    from applications.image_captioning.scenes import draw
    from common.images.files import encode_png

    return encode_png(draw(make_scenes("test", 1)[0], 128))


APPLICATION = Application(
    name="image_captioning",
    title="Image captioning",
    takes="an image",
    gives="a sentence that describes it and its score",
    knows="photographs of people and dogs out of doors, described in English",
    questions=(
        Question(
            "what a photograph shows: a flower, where it has mostly seen people and dogs",
            partial(photograph, "flower.jpg"),
            file="flower.jpg",
        ),
        Question(
            "what another shows: a temple, just as new to it",
            partial(photograph, "china.jpg"),
            file="china.jpg",
        ),
    ),
    served_input="image_bytes",
    sample_training=("--pretraining-epochs", "2", "--epochs", "3"),
    sample_questions=(Question("what a drawn scene shows", _drawn_scene, file="scene.png"),),
)
