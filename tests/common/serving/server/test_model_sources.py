"""Which folders and versions a server takes, from a folder or from TensorFlow Serving's models.config."""

import pytest

from common.errors import UserError
from common.serving.server.model_sources import configured_sources, is_number, links_out_of, sources_in


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    for version in ("a/1", "a/2", "a/10", "a/notes", "a/-3", "a/.tmp-4", "b/00012"):
        (folder / version).mkdir(parents=True)
    (folder / "a" / "11").touch()
    (folder / "models.config").touch()
    (tmp_path / "elsewhere" / "1").mkdir(parents=True)
    (folder / "c").symlink_to(tmp_path / "elsewhere")
    return folder


def config(folder, text):
    file = folder / "models.config"
    file.write_text(text)
    return file


def test_each_folder_is_a_model_and_each_number_in_it_a_version(models):
    a, b = sources_in(models, 1)
    assert (a.name, b.name) == ("a", "b")
    assert a.versions() == {number: models / "a" / str(number) for number in (1, 2, 10)}
    assert a.candidates(a.versions()) == [10, 2, 1]
    assert b.versions() == {12: models / "b" / "00012"}
    assert links_out_of(models) == ["c"]


@pytest.mark.parametrize("name", ["", "-1", "1.0", "²", "٣", str(2**63)])
def test_what_is_no_number_is_no_version(name):
    assert not is_number(name)


def test_a_configuration_names_models_folders_and_versions(models):
    file = config(
        models,
        """
        model_config_list {
          config { name: "first" base_path: "/models/a" model_platform: "tensorflow"
                   model_version_policy { specific { versions: 2 versions: 1 versions: 5 } } }
          config { name: "every" base_path: "a" model_version_policy { all {} } }
          config { name: "two" base_path: "/models/a" model_version_policy { latest { num_versions: 2 } } }
          config { name: "latest" base_path: "%s" }
        }
        """
        % (models / "b"),
    )
    first, every, two, latest = configured_sources(file, models)
    assert [source.name for source in (first, every, two, latest)] == ["first", "every", "two", "latest"]
    assert first.candidates(first.versions()) == [2, 1]
    assert (first.count, every.count, two.count, latest.count) == (None, None, 2, 1)
    assert list(latest.versions()) == [12]
    assert set(every.versions()) == {1, 2, 10}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_lists {}", "expected TensorFlow Serving's ModelServerConfig"),
        ("", "a different name for each model"),
        ('model_config_list { config { base_path: "a" } }', "a different name for each model"),
        (
            'model_config_list { config { name: "a" base_path: "a" } config { name: "a" base_path: "b" } }',
            "a different name for each model",
        ),
        ('model_config_list { config { name: "a" } }', "model 'a': expected a base_path"),
        ('model_config_list { config { name: "a" base_path: "/models/z" } }', "z: no such folder"),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_line(models, text, message):
    with pytest.raises(UserError, match=message) as caught:
        configured_sources(config(models, text), models)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_or_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--models .*absent: no such folder"):
        sources_in(tmp_path / "absent", 1)
    with pytest.raises(UserError, match=r"--model-config-file .*absent: no such file"):
        configured_sources(tmp_path / "absent", tmp_path)
