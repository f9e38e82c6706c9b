"""Data sets of tensorflow-datasets that have a row of values for each time are read like tables."""

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from common.series.tables import SeriesSource, load

ROWS = pd.DataFrame(
    {
        "location": np.repeat(["CH", "AU"], 30),
        "date": np.tile(pd.date_range("2020-03-01", periods=30).strftime("%Y-%m-%d"), 2),
        "new_confirmed": np.arange(60.0) ** 2,
        "tested": np.where(np.arange(60) % 7 == 3, np.nan, np.arange(60.0)),
        "ages": ["0-10"] * 60,
    }
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("data")
    numbers = {"new_confirmed": np.float64, "tested": np.float64}
    shuffled = ROWS.sample(frac=1, random_state=2)
    whole = {"location": np.str_, "date": np.str_, "ages": np.str_, **numbers}
    for name, features in (("daily_cases", whole), ("daily_words", {"ages": np.str_, "date": np.str_})):
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version="1.0.0",
            features=tfds.features.FeaturesDict(features),
            split_datasets={"train": list(enumerate(shuffled[list(features)].to_dict("records")))},
            data_dir=folder,
            disable_shuffling=True,
        )
    return folder


def no_sample():
    raise AssertionError("the sample was not asked for")


@pytest.mark.parametrize("flags", [{}, {"time_column": "date"}])
def test_a_data_set_of_rows_is_a_table(flags, data_dir):
    source = SeriesSource(
        data="daily_cases",
        series_column="location",
        target_columns=("new_confirmed",),
        past_columns=("tested",),
        data_dir=data_dir,
        **flags,
    )
    collection = load(source, no_sample)
    assert {one.name for one in collection.series} == {"CH", "AU"}
    for one in collection.series:
        rows = ROWS[ROWS["location"] == one.name]
        np.testing.assert_array_equal(one.targets[:, 0], rows["new_confirmed"])
        np.testing.assert_array_equal(one.past[:, 0], rows["tested"].astype(np.float32))
        np.testing.assert_array_equal(one.times, pd.DatetimeIndex(rows["date"]).as_unit("s").asi8)


def test_a_data_set_without_numbers_or_without_a_column_is_refused(data_dir):
    with pytest.raises(UserError) as error:
        load(SeriesSource(data="daily_words", data_dir=data_dir), no_sample)
    assert str(error.value) == (
        "--data daily_words: expected a data set whose examples have a time and numbers, such as covid19; its features "
        "are ages, date"
    )
    source = SeriesSource(
        data="daily_cases", time_column="date", target_columns=("deaths",), data_dir=data_dir
    )
    with pytest.raises(
        UserError, match=r"^--data daily_cases: no number or text 'deaths' in its examples; there are "
    ):
        load(source, no_sample)


def test_a_name_of_no_data_set_is_refused(data_dir):
    with pytest.raises(
        UserError, match=r"^--data monash: neither a file, a folder, `sample`, nor a data set of "
    ):
        load(SeriesSource(data="monash", data_dir=data_dir), no_sample)
