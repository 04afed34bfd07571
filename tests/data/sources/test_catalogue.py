"""Datasets of the TFDS catalogue come in by name, and nothing is fetched: their files are made here."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from dogjax.config import DataConfig, SplitConfig
from dogjax.data.audit import audit_split
from dogjax.data.decode import measure_sharpness
from dogjax.data.frames import open_images
from dogjax.data.prepare import prepare
from dogjax.data.sources import catalogue
from dogjax.data.splits import split_frames
from dogjax.data.table import load_frames
from dogjax.errors import UserError
from dogjax.prng import Streams

# The breeds are read from the download, as in the catalogue's own builder.
NAMES = [f"n{number:08}-breed {number}" for number in range(120)]
BREEDS = {"train": (NAMES[3], NAMES[7]), "test": (NAMES[7],)}
EACH = 4


def photograph(rng, number):
    """A photograph of its own size; its red is its number, the same everywhere."""
    image = rng.integers(0, 256, (40 + number, 60 - number, 3), dtype=np.uint8)
    image[..., 0] = 10 * number
    return image


def dog_examples(split):
    rng = np.random.default_rng(0)
    for number in range(EACH * len(BREEDS[split])):
        yield number, {"image": photograph(rng, number), "image/filename": f"{split}{number}.jpg",
                       "label": BREEDS[split][number % len(BREEDS[split])], "objects": []}  # fmt: skip


@pytest.fixture
def stanford_dogs(tmp_path, monkeypatch):
    """The data_dir of the catalogue's own builder, prepared with a few made-up photographs in place of a download."""
    cls = tfds.builder_cls("stanford_dogs")

    def made_up(self, *_):
        self.info.features["label"].names = NAMES
        return {split: dog_examples(split) for split in BREEDS}

    monkeypatch.setattr(cls, "_split_generators", made_up)
    tfds.builder("stanford_dogs", data_dir=tmp_path / "tfds").download_and_prepare()
    monkeypatch.setattr(cls, "_split_generators", lambda *_: pytest.fail("prepared a second time"))
    return tmp_path / "tfds"


class PlainPets(tfds.core.GeneratorBasedBuilder):
    """A user's own dataset: grey photographs, some without a label where asked."""

    VERSION = tfds.core.Version("1.0.0")
    labels = ("Mr. Brown", "Žofie", "犬")
    names = labels
    pixels = np.full((20, 30, 1), 40, np.uint8)
    supervised_keys: tuple | None = ("image", "label")

    def _info(self):
        dtype, channels = self.pixels.dtype, self.pixels.shape[-1]
        image = tfds.features.Image(shape=(None, None, channels), dtype=dtype)
        features = {"image": image, "label": tfds.features.ClassLabel(names=list(self.names))}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=self.supervised_keys
        )

    def _split_generators(self, dl_manager):
        return {"everything": self._generate_examples()}

    def _generate_examples(self):
        for number in range(6):
            labels = type(self).labels
            yield number, {"image": self.pixels * self.pixels.dtype.type(number), "label": labels[number % len(labels)]}


def config_of(data_dir, cache, name="stanford_dogs"):
    return DataConfig(source="tfds", name=name, path=str(data_dir), cache_dir=str(cache), image_size=16)


def test_a_dataset_comes_in_by_name_with_its_labels(stanford_dogs, tmp_path):
    made = prepare(config_of(stanford_dogs, tmp_path / "cache"))
    table = load_frames(made.folder, ())
    # Of the 120 breeds two have frames: the others are not classes, and a note says so.
    assert table.label_names == BREEDS["train"]
    assert any("no frame shows n00000000-breed 0" in note for note in made.description["notes"])
    assert any("the splits test, train of 'stanford_dogs' are pooled" in note for note in made.description["notes"])
    labels = [table.label_names[label] for label in table.label]
    assert {name: labels.count(name) for name in set(labels)} == {BREEDS["train"][0]: 4, BREEDS["train"][1]: 8}
    assert sum(frame_id.startswith("train/") for frame_id in table.ids(np.arange(12))) == 8
    assert len(set(table.frame_id)) == 12
    assert not any(table.recording) and not any(table.background) and not any(table.time)
    assert prepare(config_of(stanford_dogs, tmp_path / "cache")) == made


def test_every_image_is_resized_antialiased(stanford_dogs):
    builder = catalogue.open_builder("stanford_dogs", str(stanford_dogs))
    examples = list(catalogue.read_examples(builder, 16))
    assert len(examples) == 12
    for example in examples:
        assert example.image.shape == (16, 16, 3) and example.image.dtype == np.uint8
        assert np.ptp(example.image[..., 0].astype(int)) < 25  # JPEG errs a little
        # Noise of mean 127.5 and SD 74: the mean over some 9 pixels has a third of that.
        assert example.image[..., 1].std() < 40
        assert example.sharpness == measure_sharpness(example.image)
    reds = sorted(round(float(example.image[..., 0].mean()) / 10) for example in examples)
    assert reds == sorted([*range(8), *range(4)])


def test_pixels_labels_and_ids_stay_together(stanford_dogs, tmp_path):
    made = prepare(config_of(stanford_dogs, tmp_path / "cache"))
    table = load_frames(made.folder, ())
    images = open_images(table, 16).read(np.arange(12))
    builder = catalogue.open_builder("stanford_dogs", str(stanford_dogs))
    examples = {example.frame_id: example for example in catalogue.read_examples(builder, 16)}
    for frame_id, label, image in zip(table.ids(np.arange(12)), table.label, images, strict=True):
        assert table.label_names[label] == examples[frame_id].label
        assert np.array_equal(image, examples[frame_id].image)


@pytest.mark.parametrize(
    "strategy, groups", [("block", "recordings"), ("recording", "recordings"), ("background", "backgrounds")]
)
def test_photographs_refuse_group_splits_with_the_reason_and_allow_frames(stanford_dogs, tmp_path, strategy, groups):
    table = load_frames(prepare(config_of(stanford_dogs, tmp_path / "cache")).folder, ())
    with pytest.raises(UserError, match=f"split.strategy='{strategy}': the data name no {groups}"):
        split_frames(table, SplitConfig(strategy=strategy), Streams(0))


def test_a_user_s_own_dataset_of_grey_photographs_comes_in(tmp_path):
    PlainPets(data_dir=tmp_path / "tfds").download_and_prepare()
    table = load_frames(prepare(config_of(tmp_path / "tfds", tmp_path / "cache", "plain_pets")).folder, ())
    assert table.label_names == ("Mr. Brown", "Žofie", "犬")
    images = open_images(table, 16).read(np.arange(6))
    grey = images[:, 0, 0, 0]
    assert np.array_equal(images, np.broadcast_to(grey[:, None, None, None], images.shape))
    assert sorted(grey) == [0, 40, 80, 120, 160, 200]
    assert np.array_equal(grey // 40 % 3, table.label)
    split = split_frames(table, SplitConfig(strategy="frame", folds=2), Streams(0))
    assert len(split.train) + len(split.validation) == 6
    assert any("cannot be ruled out" in each for each in audit_split(table, split, SplitConfig())["warnings"])


def test_a_dataset_may_be_read_without_the_code_that_made_it(stanford_dogs, tmp_path):
    """`tfds.builder` falls back to the files; the name of the folder is the name of the dataset."""
    (stanford_dogs / "stanford_dogs").rename(stanford_dogs / "our_dogs")
    info = stanford_dogs / "our_dogs" / "0.2.0" / "dataset_info.json"
    info.write_text(info.read_text().replace('"stanford_dogs"', '"our_dogs"'))
    for file in info.parent.glob("stanford_dogs-*"):
        file.rename(file.with_name(file.name.replace("stanford", "our")))
    assert prepare(config_of(stanford_dogs, tmp_path / "cache", "our_dogs")).describe()["frames"] == 12


def test_images_without_a_label_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(PlainPets, "labels", (*PlainPets.labels, -1))
    PlainPets(data_dir=tmp_path / "tfds").download_and_prepare()
    with pytest.raises(UserError, match=r"data.name='plain_pets': its split 'everything' holds images without a label"):
        prepare(config_of(tmp_path / "tfds", tmp_path / "cache", "plain_pets"))
    assert [path.suffix for path in (tmp_path / "cache/frames").iterdir()] == [".lock"]


@pytest.mark.parametrize("keys", [None, ("label", "image"), ("image", "label", "label"), ("image", "image")])
def test_a_dataset_without_labelled_images_is_refused(tmp_path, monkeypatch, keys):
    monkeypatch.setattr(PlainPets, "supervised_keys", keys)
    with pytest.raises(UserError, match=r"data.name='plain_pets': not a dataset of labelled images; use one such as"):
        prepare(config_of(tmp_path / "tfds", tmp_path / "cache", "plain_pets"))


@pytest.mark.parametrize(
    "name, message",
    [
        ("no_such_dogs", "TFDS knows no such dataset; see its catalogue for the names"),
        ("stanford_dogs:9.9.9", r"TFDS cannot load it \(.*cannot be loaded at version 9.9.9, only: 0.2.0.\)"),
        ("Stanford Dogs", r"TFDS cannot load it \(Parsing builder name string Stanford Dogs failed.\)"),
        ("../stanford_dogs", r"TFDS cannot load it \(Parsing builder name string"),
        ("glue", "not a dataset of labelled images"),
        ("imdb_reviews", "not a dataset of labelled images"),
    ],
)
def test_a_name_that_brings_no_labelled_images_is_refused(tmp_path, name, message):
    with pytest.raises(UserError, match=f"data.name='{name}': {message}") as caught:
        prepare(config_of(tmp_path / "tfds", tmp_path / "cache", name))
    assert "\n" not in str(caught.value)


def test_a_download_that_fails_says_how_to_do_without(tmp_path, monkeypatch):
    cls = tfds.builder_cls("oxford_iiit_pet")

    def offline(*_):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(cls, "_split_generators", offline)
    with pytest.raises(
        UserError, match=r"could not prepare it \(ConnectionError: no route to host\); prepare it where"
    ):
        prepare(config_of(tmp_path / "tfds", tmp_path / "cache", "oxford_iiit_pet"))


@pytest.mark.parametrize("name, classes", [("stanford_dogs", 120), ("oxford_iiit_pet", 37)])
def test_datasets_of_dogs_are_labelled_images_to_us(tmp_path, name, classes):
    # Mocked, a dataset has no splits of its own: what is read is tested above, on files.
    with tfds.testing.mock_data():
        builder = catalogue.open_builder(name, str(tmp_path))
    assert len(catalogue.label_names(builder)) == classes


def test_corrected_labels_and_reordered_classes_are_other_data(tmp_path, monkeypatch):
    """The same name and version, the same number of examples, the same sizes in bytes."""

    def prints():
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        PlainPets(data_dir=folder).download_and_prepare()
        return prepare(config_of(folder, tmp_path / "cache", "plain_pets")).fingerprint

    (tmp_path / "cache").mkdir()
    seen = [prints(), prints()]
    assert seen[0] == seen[1]  # the folder is not what counts
    monkeypatch.setattr(PlainPets, "labels", ("Žofie", "Mr. Brown", "犬"))
    seen.append(prints())
    monkeypatch.undo()
    monkeypatch.setattr(PlainPets, "names", ("犬", "Mr. Brown", "Žofie"))
    seen.append(prints())
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (np.full((20, 30, 1), 4000, np.uint16), "uint16 with 1 channels"),
        (np.full((20, 30, 1), 0.1, np.float32), "float32 with 1 channels"),
        (np.full((20, 30, 4), 40, np.uint8), "uint8 with 4 channels"),
    ],
)
def test_images_of_other_pixels_are_refused_and_not_clipped(tmp_path, monkeypatch, pixels, what):
    monkeypatch.setattr(PlainPets, "pixels", pixels)
    with pytest.raises(UserError, match=f"data.name='plain_pets': its images are {what}; use a dataset of grey or RGB"):
        prepare(config_of(tmp_path / "tfds", tmp_path / "cache", "plain_pets"))


def test_a_class_without_frames_does_not_stop_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(PlainPets, "names", ("Ash", *PlainPets.names, "Zoe"))
    PlainPets(data_dir=tmp_path / "tfds").download_and_prepare()
    made = prepare(config_of(tmp_path / "tfds", tmp_path / "cache", "plain_pets"))
    assert made.description["notes"] == ["no frame shows Ash, Zoe: left out of the classes"]
    table = load_frames(made.folder, ())
    assert table.label_names == ("Mr. Brown", "Žofie", "犬")
    assert np.bincount(table.label).tolist() == [2, 2, 2]
    assert len(split_frames(table, SplitConfig(strategy="frame", folds=2), Streams(0)).train) == 3
