"""`report.html` in a real browser: it draws itself, logs no error, requests nothing, and shows any name as text."""

import json
import re
import shutil

import pytest

from dogjax.config import replace_fields
from dogjax.diagnose.diagnose import diagnose_workdir
from dogjax.diagnose.verdict import headline
from dogjax.errors import UserError
from dogjax.files import write_json
from dogjax.report.page import _gallery, write_page
from dogjax.report.run_figures import who_jumps_picture
from dogjax.study.study import run_study
from dogjax.train.workdir import Workdir
from tests.report.browser import rendered

EVIL = "<script>document.title='stolen'</script>"


@pytest.fixture(scope="module")
def run(setup, tmp_path_factory):
    """A run whose first recording has a name that is a script."""
    folder = tmp_path_factory.mktemp("run") / "run"
    setup.train(folder, train__epochs=3)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    evaluation["by_recording"] = {EVIL: next(iter(evaluation["by_recording"].values()))}
    write_json(folder / "evaluation.json", evaluation)
    return folder


@pytest.fixture(scope="module", params=["seeds", "sobol", "crossed", "arms"])
def study(request, setup, tmp_path_factory):
    """A small study of each kind."""
    folder = tmp_path_factory.mktemp("study") / request.param
    fields = {"study.kind": request.param, "study.replicates": 2, "study.bases": 1, "study.streams": ("init", "order")}
    arms = (("clean", (("augment.zoom", 0.0),)),)
    config = replace_fields(setup.config(), fields | {"study.arms": arms, "train.epochs": 2})
    run_study(config, Workdir(folder))
    write_page(folder)
    return folder


def test_a_page_of_a_run_shows_a_hostile_name_as_text(run, tmp_path):
    write_page(run)
    document, complaints, asked = rendered(run / "report.html", tmp_path)
    assert (complaints, asked) == ([], [])
    assert "&lt;script&gt;document.title='stolen'&lt;/script&gt;" in document
    assert "<title>run: one run</title>" in document and "<script" not in document
    assert document.count("<svg ") == 2


def test_letters_of_a_picture_are_letters_of_the_page_whatever_a_class_is_called(tmp_path):
    names = ["$x", "a_b^c$", EVIL]
    picture = who_jumps_picture({"class": dict.fromkeys(names, 0.5), "recording": {}})
    assert not re.search(r' id="\w+_\d+"|<metadata|<\?xml', picture.svg)
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{picture.svg}")
    document, complaints, asked = rendered(tmp_path / "page.html", tmp_path / "profile")
    assert (complaints, asked) == ([], []) and "<script" not in document
    assert ">$x<" in document and ">a_b^c$<" in document and "share of the jumping" in document


def test_a_page_of_a_diagnosis_shows_the_frames_themselves(setup, tmp_path):
    setup.train(tmp_path / "run", train__epochs=5)
    diagnose_workdir(Workdir(tmp_path / "run"), None)
    write_page(tmp_path / "run")
    document, complaints, asked = rendered(tmp_path / "run/report.html", tmp_path)
    assert (complaints, asked) == ([], [])
    diagnosis = json.loads((tmp_path / "run/diagnosis.json").read_text())
    first, rest = document.replace("</span> <span>", " ").split("<h2>Why, and what else was looked for</h2>")
    assert headline(diagnosis) in first and "The validation curve" in first and diagnosis["causes"]
    assert all(cause["override"] in first and cause["evidence"].split("'")[0] in rest for cause in diagnosis["causes"])
    gallery = diagnosis["gallery"]
    shown = sum(len(row["pictures"]) for sheet in gallery for row in sheet["rows"])
    assert document.count("data:image/png;base64,") == shown > 0
    assert all(f"<h2>{sheet['title']}</h2>" in document for sheet in gallery)
    before = (tmp_path / "run/report.html").read_bytes()
    write_page(tmp_path / "run")
    assert (tmp_path / "run/report.html").read_bytes() == before
    shutil.rmtree(tmp_path / "run/gallery")  # a picture that was removed is left out
    write_page(tmp_path / "run")
    assert "data:image/png" not in (tmp_path / "run/report.html").read_text()


def test_a_diagnosis_of_an_earlier_version_is_to_be_repeated(run, tmp_path):
    shutil.copytree(run, tmp_path / "old")
    write_json(tmp_path / "old/diagnosis.json", {"causes": [], "verdict": "of 0.1.0"})
    with pytest.raises(UserError, match="earlier version; repeat it with --mode=diagnose"):
        write_page(tmp_path / "old")


def test_a_page_of_a_study_draws_itself_without_a_network(study, tmp_path):
    document, complaints, asked = rendered(study / "report.html", tmp_path)
    assert (complaints, asked) == ([], [])
    verdict = json.loads((study / "study.json").read_text())["verdict"]
    assert verdict.split(":")[0] in document.replace("&#39;", "'")
    assert ("Each arm against the reference, with common seeds" in document) == (study.name == "arms")
    pictures = {"seeds": 5, "sobol": 3, "crossed": 3, "arms": 3}[study.name]
    assert document.count("<svg ") == pictures


def test_a_study_whose_runs_all_diverged_in_their_first_epoch_has_a_page(setup, tmp_path):
    fields = {
        "study.kind": "arms",
        "study.arms": (("hotter", (("optim.learning_rate", 1e31),)),),
        "study.replicates": 2,
    }
    config = replace_fields(setup.config(), fields | {"optim.learning_rate": 1e30, "train.epochs": 1})
    run_study(config, Workdir(tmp_path))
    write_page(tmp_path)
    assert "2 of reference and 2 of hotter" in (tmp_path / "report.html").read_text()


def test_a_page_is_the_same_bytes_each_time(study):
    before = (study / "report.html").read_bytes()
    write_page(study)
    assert (study / "report.html").read_bytes() == before


def test_the_browser_would_see_a_script_and_a_request(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<script>throw new Error('odd')</script><img src='http://example.com/a.png'>")
    _, complaints, asked = rendered(page, tmp_path / "profile")
    assert "odd" in complaints[0] and asked == ["http://example.com/a.png"]


@pytest.mark.parametrize("name", ["../secret", "{outside}", "gallery/link.png", "gallery/1.png"])
def test_a_page_takes_in_no_file_from_outside_the_workdir(tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "run/gallery").mkdir(parents=True)
    for link in ("link", "1"):
        (tmp_path / f"run/gallery/{link}.png").symlink_to(tmp_path / "secret")
    row = {"title": "a", "pictures": [name.format(outside=tmp_path / "secret")], "texts": ["b"]}
    with pytest.raises(UserError, match="is not a picture in its gallery/"):
        _gallery(tmp_path / "run", [{"title": "c", "caption": "d", "rows": [row]}])


def test_a_folder_without_a_run_has_no_page(tmp_path):
    with pytest.raises(UserError, match="holds no run and no study yet"):
        write_page(tmp_path)


def test_a_run_that_has_not_ended_has_a_page(run, tmp_path):
    shutil.copytree(run, tmp_path / "running")
    (tmp_path / "running/evaluation.json").unlink()
    write_page(tmp_path / "running")
    assert "Loss" in (tmp_path / "running/report.html").read_text()
