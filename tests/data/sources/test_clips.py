"""A folder of videos becomes a list of clips, and whatever is no clip is named in one sentence."""

import hashlib
import os
import pathlib

import pytest

from dogjax.data.decode import BadVideo
from dogjax.data.sources.clips import find_clips
from dogjax.errors import UserError

DOGS = ("ash/park/one.mp4", "bea/park/one.mp4")


def fill(root: pathlib.Path, *names: str) -> pathlib.Path:
    """Files that differ in every byte: `find_clips` looks at names and hashes, not at pictures."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode(errors="surrogateescape"))
    return root


def fill_listed(root: pathlib.Path, text: str, *names: str, encoding: str = "utf-8") -> pathlib.Path:
    fill(root, *names)
    (root / "clips.csv").write_text(text, encoding=encoding, newline="")
    return root


def columns(clips):
    return [(clip.name, clip.label, clip.recording, clip.background) for clip in clips]


def refusal(root: pathlib.Path, on_bad_video: str = "fail") -> UserError:
    with pytest.raises(UserError) as caught:
        find_clips(root, on_bad_video)
    assert "\n" not in str(caught.value)
    return caught.value


def test_folders_of_dogs_and_backgrounds(tmp_path):
    fill(tmp_path, "ash/park/one.mp4", "ash/home/one.mov", "bea/park/two.MKV")
    clips, problems, _ = find_clips(tmp_path, "fail")
    assert columns(clips) == [
        ("ash/home/one.mov", "ash", "ash/home/one", "home"),
        ("ash/park/one.mp4", "ash", "ash/park/one", "park"),
        ("bea/park/two.MKV", "bea", "bea/park/two", "park"),
    ]
    assert problems == []
    assert clips[1].path == tmp_path / "ash/park/one.mp4"
    assert clips[1].sha256 == hashlib.sha256(b"ash/park/one.mp4").hexdigest()


def test_folders_of_dogs_alone(tmp_path):
    clips, *_ = find_clips(fill(tmp_path, "ash/two.mp4", "ash/one.mp4", "bea/walk.tar.mp4"), "fail")
    assert columns(clips) == [
        ("ash/one.mp4", "ash", "ash/one", ""),
        ("ash/two.mp4", "ash", "ash/two", ""),
        ("bea/walk.tar.mp4", "bea", "bea/walk.tar", ""),
    ]


def test_two_files_that_differ_in_their_ending_alone_are_two_recordings(tmp_path):
    clips, *_ = find_clips(fill(tmp_path, "ash/one.mp4", "ash/one.mov"), "fail")
    assert [clip.recording for clip in clips] == ["ash/one.mov", "ash/one.mp4"]
    (tmp_path / "clips.csv").write_text("path,label\nash/one.mp4,ash\nash/one.mov,ash\n")
    assert find_clips(tmp_path, "fail")[0] == clips


def test_a_list_gives_any_layout_and_wins_over_the_folders(tmp_path):
    text = (
        "path,label,recording,background\r\n"
        '"day 1/a, b.mp4",ash,walk,park\r\n'
        " day 1/c.mp4 , ash ,walk, park \r\n"
        "\r\n"
        "./day 2//d.mp4,bea,,home\r\n"
    )
    clips, *_ = find_clips(
        fill_listed(tmp_path, text, "day 1/a, b.mp4", "day 1/c.mp4", "day 2/d.mp4", "x/y.mp4"), "fail"
    )
    assert columns(clips) == [
        ("day 1/a, b.mp4", "ash", "walk", "park"),
        ("day 1/c.mp4", "ash", "walk", "park"),
        ("day 2/d.mp4", "bea", "day 2/d", "home"),
    ]


def test_a_list_from_a_spreadsheet_may_have_a_byte_order_mark(tmp_path):
    fill_listed(tmp_path, "path,label\na.mp4,Žofie\nb.mp4,犬\n", "a.mp4", "b.mp4", encoding="utf-8-sig")
    clips, *_ = find_clips(tmp_path, "fail")
    assert columns(clips) == [("a.mp4", "Žofie", "a", ""), ("b.mp4", "犬", "b", "")]


def test_hidden_files_and_folders_are_no_clips(tmp_path):
    hidden = (".DS_Store", "ash/.DS_Store", "ash/park/._one.mp4", ".git/config", "ash/.thumbs/x.jpg")
    clips, problems, _ = find_clips(fill(tmp_path, *DOGS, *hidden), "fail")
    assert [clip.name for clip in clips] == list(DOGS)
    assert problems == []


def test_the_place_of_the_folder_is_in_no_name(tmp_path, monkeypatch):
    fill(tmp_path / "here", *DOGS)
    fill(tmp_path / "there", *DOGS)
    monkeypatch.chdir(tmp_path / "there")
    here, there = (find_clips(pathlib.Path(root), "fail")[0] for root in (tmp_path / "here", "."))
    assert columns(here) == columns(there)
    assert [clip.sha256 for clip in here] == [clip.sha256 for clip in there]
    assert there[0].path == tmp_path / "there" / DOGS[0]


def test_a_note_beside_the_dogs_is_left_alone(tmp_path):
    fill(tmp_path, *DOGS, "README.md")
    clips, problems, _ = find_clips(tmp_path, "fail")
    assert [clip.name for clip in clips] == list(DOGS)
    assert problems == []


# One clip cannot be used: an error, or left out with `skip`.


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("ash/park/zero.mp4", b"", "/ash/park/zero.mp4: is empty (0 bytes); copy it again, or leave it out"),
        ("ash/park/notes.txt", b"?", "/ash/park/notes.txt: is not a video by its name; move it away, or set data.on"),
        ("ash/README", b"?", "/ash/README: is not a video by its name; move it away, or set data.on_bad_video=skip"),
    ],
)
def test_a_file_that_is_no_clip_fails_or_is_left_out(tmp_path, name, content, message):
    fill(tmp_path, *DOGS)
    (tmp_path / name).write_bytes(content)
    error = refusal(tmp_path)
    assert type(error) is BadVideo
    assert message in str(error)
    clips, problems, _ = find_clips(tmp_path, "skip")
    assert [clip.name for clip in clips] == list(DOGS)
    assert problems == [str(error)]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_an_unreadable_clip_fails_or_is_left_out(tmp_path):
    fill(tmp_path, *DOGS, "ash/park/two.mp4")
    (tmp_path / "ash/park/two.mp4").chmod(0)
    error = refusal(tmp_path)
    assert type(error) is BadVideo
    assert "two.mp4: cannot be read (Permission denied)" in str(error)
    assert len(find_clips(tmp_path, "skip")[0]) == 2


def test_a_copy_in_the_same_dog_fails_or_the_first_is_kept(tmp_path):
    fill(tmp_path, *DOGS)
    (tmp_path / "ash/park/copy of one.mp4").write_bytes(b"ash/park/one.mp4")
    error = refusal(tmp_path)
    assert type(error) is BadVideo
    first, second = tmp_path / "ash/park/copy of one.mp4", tmp_path / "ash/park/one.mp4"
    assert str(error).startswith(f"{second}: is the same recording as {first}; remove one, or set")
    clips, problems, _ = find_clips(tmp_path, "skip")
    assert [clip.name for clip in clips] == ["ash/park/copy of one.mp4", "bea/park/one.mp4"]
    assert problems == [str(error)]


@pytest.mark.parametrize("on_bad_video", ["fail", "skip"])
def test_a_copy_in_another_dog_is_always_an_error(tmp_path, on_bad_video):
    fill(tmp_path, *DOGS)
    (tmp_path / "bea/park/two.mp4").write_bytes(b"ash/park/one.mp4")
    error = refusal(tmp_path, on_bad_video)
    assert type(error) is UserError
    assert str(error).endswith("one.mp4, but of another class; remove the wrong one")


def test_a_listed_clip_that_is_not_there_fails_or_is_left_out(tmp_path):
    fill_listed(tmp_path, "path,label\na.mp4,ash\nb.mp4,ash\nc.mp4,bea\n", "a.mp4", "c.mp4")
    error = refusal(tmp_path)
    assert type(error) is BadVideo
    assert "/b.mp4: no such file; correct the list" in str(error)
    assert len(find_clips(tmp_path, "skip")[0]) == 2


def test_a_dog_is_never_lost_with_its_clips(tmp_path):
    fill(tmp_path, *DOGS, "ash/park/notes.txt")
    (tmp_path / "bea/park/one.mp4").write_bytes(b"")
    error = refusal(tmp_path, "skip")
    assert type(error) is UserError
    # The reason is of this dog, not of another.
    assert f"class 'bea' is left without a clip ({tmp_path / 'bea/park/one.mp4'}: is empty" in str(error)


# The folder or the list is not as described: an error with `skip`, too.


@pytest.mark.parametrize(
    "names, message",
    [
        (["ash/one.mp4", "bea/notes.txt"], "/bea: class 'bea' has no clip (ROOT/bea/notes.txt: is not a video"),
        (
            ["ash/notes.txt", "ash/one.mp4", "bea/x.txt"],
            "/bea: class 'bea' has no clip (ROOT/bea/x.txt: is not a video",
        ),
        (
            ["ash/park/old/one.mp4"],
            "/ash/park/old: is a folder too deep; lay the clips out as ROOT/<class>/<background>",
        ),
        (["ash/one.mp4", "ash/park/two.mp4"], "/ash: holds clips beside folders of backgrounds; move every clip"),
        (
            ["ash/one.mp4", "two.mp4"],
            "/two.mp4: lies in the folder of no class; lay the clips out as ROOT/<class>/<background>",
        ),
        (["two.mp4"], ": holds no folders of classes; lay the clips out as"),
        (["Rex/one.mp4", "rex/two.mp4"], ": the labels 'Rex' and 'rex' differ in case or accents only; use one name"),
        # One name in two spellings of Unicode, as macOS and Linux write it.
        (["\u017dofie/1.mp4", "Z\u030cofie/2.mp4"], "differ in case or accents only; use one name"),
        (["ash /one.mp4"], ": 'ash ' cannot be a label (space at an end, slash or dots); rename it"),
        (["a\\b/one.mp4"], ": 'a\\b' cannot be a label (space at an end, slash or dots); rename it"),
        (["ash/ park/one.mp4"], ": ' park' cannot be a background (space at an end, slash or dots); rename it"),
        (["as\nh/one.mp4"], r": the name 'as\nh/one.mp4' has a control character or broken letter; rename it"),
        (["ash/o\x1bne.mp4"], r": the name 'ash/o\x1bne.mp4' has a control character or broken letter; rename it"),
        (["ash/\udcff.mp4"], r": the name 'ash/\udcff.mp4' has a control character or broken letter; rename it"),
    ],
)
@pytest.mark.parametrize("on_bad_video", ["fail", "skip"])
def test_a_folder_that_leaves_doubt_about_labels_is_refused(tmp_path, names, message, on_bad_video):
    error = refusal(fill(tmp_path, *names), on_bad_video)
    assert type(error) is UserError
    assert str(error).startswith(str(tmp_path)) or str(error).startswith(f"data.path={tmp_path}")
    assert message.replace("ROOT/", f"{tmp_path}/", "/bea" in message) in str(error)


@pytest.mark.parametrize("on_bad_video", ["fail", "skip"])
def test_a_dog_without_a_clip_is_refused(tmp_path, on_bad_video):
    (fill(tmp_path, *DOGS) / "cole").mkdir()
    error = refusal(tmp_path, on_bad_video)
    assert type(error) is UserError
    assert str(error) == f"{tmp_path / 'cole'}: class 'cole' has no clip; add one, or remove the folder"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", ": has no column 'path'; the columns are path,label,recording,background"),
        ("a.mp4,ash\n", ": has no column 'path'; the columns are path,label,recording,background"),
        ("path,recording\na.mp4,x\n", ": has no column 'label'; the columns are path,label,recording,background"),
        ("path,label,lable\na.mp4,ash,x\n", ": has an unknown column 'lable'; did you mean 'label'?"),
        ("path,label,label\na.mp4,ash,ash\n", ": has a column twice; the columns are"),
        ("path,label\n", ": lists no clip; add a line for each: path,label,recording,background"),
        ("path,label\na.mp4,ash\n,bea\n", ", line 3: names no path; fill it in"),
        ("path,label\na.mp4,ash\nb.mp4, \n", ", line 3: names no label; fill it in"),
        (
            "path,label\na.mp4\n",
            ", line 2: has another number of fields than the header; put names with commas in quotes",
        ),
        (
            "path,label\na.mp4,Ash, the first\n",
            ", line 2: has another number of fields than the header; put names with",
        ),
        ("path,label\na.mp4,ash\na.mp4,bea\n", ": lists a.mp4 twice; keep one line of it"),
        ("path,label\na.mp4,ash\n./a.mp4,ash\n", ": lists a.mp4 twice; keep one line of it"),
        ("path,label\n../a.mp4,ash\n", ", line 2: ../a.mp4 leads out of the folder; name clips by their path in"),
        ("path,label\nx/../../a.mp4,ash\n", ", line 2: x/../../a.mp4 leads out of the folder; name clips by"),
        ("path,label\n/etc/passwd,ash\n", ", line 2: /etc/passwd leads out of the folder; name clips by their path"),
        ("path,label\n.,ash\n", ", line 2: '.' is not a file; name clips by their path in"),
        ("path,label,background\na.mp4,ash,\nb.mp4,bea,park\n", ": names no background for a.mp4, but for others;"),
        ('path,label\n"a.mp4,ash\n', ": cannot be read (unexpected end of data)"),
        ("path,label\na.mp4,Rex\nb.mp4,rex\n", ": the labels 'Rex' and 'rex' differ in case or accents only"),
        ('path,label\na.mp4,"as\nh"\n', r": the name 'as\nh' has a control character or broken letter; rename it"),
        ("path,label\na\0.mp4,ash\n", r": the name 'a\x00.mp4' has a control character or broken letter; rename it"),
        ("path,label,recording\na.mp4,ash,x\x07\n", r": the name 'x\x07' has a control character or broken letter"),
        ("path,label\na.mp4,../ash\n", ": '../ash' cannot be a label (space at an end, slash or dots); rename it"),
    ],
)
@pytest.mark.parametrize("on_bad_video", ["fail", "skip"])
def test_a_list_that_leaves_doubt_is_refused(tmp_path, text, message, on_bad_video):
    error = refusal(fill_listed(tmp_path, text, "a.mp4", "b.mp4"), on_bad_video)
    assert type(error) is UserError
    assert str(error).startswith(str(tmp_path))
    assert message in str(error)


def test_a_list_in_another_encoding_is_refused(tmp_path):
    error = refusal(fill_listed(tmp_path, "path,label\na.mp4,Žofie\n", "a.mp4", encoding="cp1250"))
    assert str(error) == f"{tmp_path / 'clips.csv'}: is not UTF-8; save it as CSV in UTF-8"


def test_a_missing_folder_a_file_and_an_empty_folder_are_refused(tmp_path):
    missing, file = tmp_path / "missing", tmp_path / "file.mp4"
    file.touch()
    (tmp_path / "empty").mkdir()
    layouts = (
        "lay the clips out as ROOT/<class>/<background>/<recording>.mp4 or ROOT/<class>/<recording>.mp4, or list them"
    )
    for root, what in (
        (missing, "no such folder"),
        (file, "is a file, not a folder"),
        (tmp_path / "empty", "holds no folders of classes"),
    ):
        error = refusal(root)
        assert type(error) is UserError
        assert str(error) == f"data.path={root}: {what}; {layouts} in ROOT/clips.csv"


# Names that differ in nothing that a person would see: two groups of one thing, which a split would put on either side.


@pytest.mark.parametrize(
    "rows, message",
    [
        ("1.mp4,ash,a,garden\n2.mp4,bea,b,Garden\n", "the backgrounds 'Garden' and 'garden' differ in case or accents"),
        ("1.mp4,ash,a,K\u00fcche\n2.mp4,bea,b,Ku\u0308che\n", "differ in case or accents only; use one name"),
        ("1.mp4,ash,Walk,x\n2.mp4,bea,walk,x\n", "the recordings 'Walk' and 'walk' differ in case or accents only"),
    ],
)
def test_backgrounds_and_recordings_that_differ_in_case_or_form_are_refused(tmp_path, rows, message):
    error = refusal(fill_listed(tmp_path, "path,label,recording,background\n" + rows, "1.mp4", "2.mp4"))
    assert type(error) is UserError and message in str(error)


def test_backgrounds_of_folders_that_differ_in_case_are_refused(tmp_path):
    error = refusal(fill(tmp_path, "ash/garden/1.mp4", "bea/Garden/1.mp4"), "skip")
    assert "the backgrounds 'Garden' and 'garden' differ in case or accents only; use one name" in str(error)


def test_a_recording_of_several_classes_is_noted(tmp_path):
    text = "path,label,recording\n1.mp4,ash,1\n2.mp4,bea,1\n3.mp4,bea,2\n"
    notes = find_clips(fill_listed(tmp_path, text, "1.mp4", "2.mp4", "3.mp4"), "fail").notes
    assert len(notes) == 1 and notes[0].startswith("recording '1' holds clips of several classes (ash, bea)")


def test_videos_that_the_list_leaves_out_are_noted(tmp_path):
    text = "path,label\na/1.mp4,ash\nb/2.mp4,bea\n"
    root = fill_listed(tmp_path, text, "a/1.mp4", "b/2.mp4", "b/3.mp4", "b/.hidden.mp4", "b/notes.txt")
    assert find_clips(root, "fail").notes == [
        f"1 videos in {root} are not in clips.csv and are not used, such as 3.mp4"
    ]


def test_a_list_under_a_misspelt_name_is_refused(tmp_path):
    (fill(tmp_path, *DOGS) / "Clips.csv").write_text("path,label\n")
    assert f"{tmp_path / 'Clips.csv'}: is not read under this name; rename it to clips.csv" in str(refusal(tmp_path))


# Columns of the user's own.


def test_an_unknown_column_is_kept_as_a_group(tmp_path):
    text = "path,label,person,device\n1.mp4,ash,ann,phone\n2.mp4,bea,bob,tablet\n"
    clips, *_ = find_clips(fill_listed(tmp_path, text, "1.mp4", "2.mp4"), "fail")
    assert [clip.groups for clip in clips] == [
        {"person": "ann", "device": "phone"},
        {"person": "bob", "device": "tablet"},
    ]


@pytest.mark.parametrize(
    "column, message",
    [
        *((name, "did you mean 'recording'?") for name in ("recordin", "recordings", "recodring", "Recording")),
        *((name, "did you mean 'label'?") for name in ("lable", "labels", "labl", "lapel")),
        ("backgroud", "did you mean 'background'?"),
        ("time", "'time' cannot be the name of a group"),
        ("frame_id", "'frame_id' cannot be the name of a group"),
        ("my person", "'my person' cannot be the name of a group"),
        ("", "'' cannot be the name of a group"),
    ],
)
def test_a_column_that_may_be_a_misspelt_one_is_refused(tmp_path, column, message):
    text = f"path,label,{column}\n1.mp4,ash,x\n"
    assert message in str(refusal(fill_listed(tmp_path, text, "1.mp4")))


def test_a_group_without_an_entry_is_refused(tmp_path):
    text = "path,label,person\n1.mp4,ash,ann\n2.mp4,bea,\n"
    assert ", line 3: names no person; fill it in" in str(refusal(fill_listed(tmp_path, text, "1.mp4", "2.mp4")))


def test_entries_of_a_group_that_differ_in_case_are_refused(tmp_path):
    text = "path,label,person\n1.mp4,ash,Ann\n2.mp4,bea,ann\n"
    assert "column person, 'Ann' and 'ann'" in str(refusal(fill_listed(tmp_path, text, "1.mp4", "2.mp4")))
