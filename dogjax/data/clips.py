"""A folder of videos -> a list of clips: whose dog, which recording, which background.

Three layouts: `ROOT/<dog>/<background>/<recording>.mp4`, `ROOT/<dog>/<recording>.mp4`, or any other
with `ROOT/clips.csv`. A file in a dog's folder that is no clip is never passed over in silence.
"""

import csv
import dataclasses
import pathlib
import unicodedata
from collections import Counter

from tqdm import tqdm

from dogjax.data.decode import WAY_OUT, BadVideo
from dogjax.data.workers import map_on_all_cores
from dogjax.errors import UserError
from dogjax.files import sha256_of_file

LIST = "clips.csv"
COLUMNS = ("path", "label", "recording", "background")
REQUIRED_COLUMNS = ("path", "label")
LAYOUTS = (
    f"lay the clips out as ROOT/<dog>/<background>/<recording>.mp4 or ROOT/<dog>/<recording>.mp4, or list them in "
    f"ROOT/{LIST}"
)
SUFFIXES = (
    *(".3g2", ".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"),
    *(".mxf", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv"),
)


@dataclasses.dataclass(frozen=True)
class Clip:
    """One video file.

    `path` is absolute; `name` is its path in the folder, with slashes on every machine; `sha256` is of
    its bytes. `background` is empty where none is named.
    """

    path: pathlib.Path
    name: str
    label: str
    recording: str
    background: str
    sha256: str = ""


def find_clips(root: pathlib.Path, on_bad_video: str) -> tuple[list[Clip], list[str]]:
    """The clips under `root`, sorted by name, each read once for its hash.

    A clip that cannot be used is an error; with `on_bad_video="skip"` it is left out. Which dog a clip
    shows is never guessed: doubt about labels is an error in either case.

    Returns:
      The clips, and a sentence for each file that was left out.

    Raises:
      BadVideo: a file is no video, empty, unreadable, or a copy of another clip.
      UserError: there is no such folder, its layout or list is not as described, or a dog has no clip.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise UserError(f"data.path={root}: {what}; {LAYOUTS}")
    listed, problems = _read_list(root) if (root / LIST).exists() else _walk(root)
    _check_names(listed, root)
    listed = _name_recordings(sorted(listed, key=lambda clip: clip.name))
    hashed = _hash_clips(listed)
    clips, copies = _drop_copies([each for each in hashed if isinstance(each, Clip)])
    problems += [each for each in hashed if isinstance(each, BadVideo)] + copies
    if problems and on_bad_video == "fail":
        raise problems[0]
    left = {clip.label for clip in clips}
    for clip, problem in zip(listed, hashed):
        if clip.label not in left:
            raise UserError(f"{root}: dog '{clip.label}' is left without a clip ({problem})")
    return clips, [str(problem) for problem in problems]


def _walk(root: pathlib.Path) -> tuple[list[Clip], list[BadVideo]]:
    """The clips of the two folder layouts."""
    dogs = [each for each in _visible(root) if each.is_dir()]
    if not dogs:
        raise UserError(f"data.path={root}: holds no folders of dogs; {LAYOUTS}")
    if stray := [each for each in _visible(root) if not each.is_dir() and _is_video(each)]:
        raise UserError(f"{stray[0]}: lies in no dog's folder; {LAYOUTS}")
    clips, problems = [], []
    for dog in dogs:
        files = [(file, "") for file in _visible(dog) if not file.is_dir()]
        for background in (each for each in _visible(dog) if each.is_dir()):
            if deeper := [each for each in _visible(background) if each.is_dir()]:
                raise UserError(f"{deeper[0]}: is a folder too deep; {LAYOUTS}")
            files += [(file, background.name) for file in _visible(background)]
        videos = [(file, background) for file, background in files if _is_video(file)]
        others = [_no_video(file) for file, _ in files if not _is_video(file)]
        if not videos:
            why = f" ({others[0]})" if others else "; add one, or remove the folder"
            raise UserError(f"{dog}: dog '{dog.name}' has no clip{why}")
        if len({bool(background) for _, background in videos}) == 2:
            raise UserError(f"{dog}: holds clips beside folders of backgrounds; move every clip into a background")
        problems += others
        clips += [Clip(file.absolute(), _name(file, root), dog.name, "", background) for file, background in videos]
    return clips, problems


def _is_video(file: pathlib.Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _no_video(file: pathlib.Path) -> BadVideo:
    return BadVideo(f"{file}: is not a video by its name; move it away, or set data.on_bad_video=skip")


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    """What is in a folder, but for hidden files such as `.DS_Store`."""
    try:
        return sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from error


def _read_list(root: pathlib.Path) -> tuple[list[Clip], list[BadVideo]]:
    """The clips that `clips.csv` names."""
    path = root / LIST
    try:
        # Spreadsheets write a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8; save it as CSV in UTF-8") from error
    except (OSError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    _check_header(path, header)
    if not rows:
        raise UserError(f"{path}: lists no clip; add a line for each: {','.join(COLUMNS)}")
    clips = [_listed_clip(root, f"{path}, line {line}", row) for line, row in rows]
    if twice := [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]:
        raise UserError(f"{path}: lists {twice[0]} twice; keep one line of it")
    if len({bool(clip.background) for clip in clips}) == 2:
        bare = next(clip.name for clip in clips if not clip.background)
        raise UserError(f"{path}: names no background for {bare}, but for others; fill it in, or leave out the column")
    return clips, []


def _check_header(path: pathlib.Path, header: list[str]) -> None:
    wanted = f"the columns are {','.join(COLUMNS)}"
    if missing := [name for name in REQUIRED_COLUMNS if name not in header]:
        raise UserError(f"{path}: has no column '{missing[0]}'; {wanted}")
    if unknown := [name for name in header if name not in COLUMNS]:
        raise UserError(f"{path}: has an unknown column '{unknown[0]}'; {wanted}")
    if len(set(header)) < len(header):
        raise UserError(f"{path}: has a column twice; {wanted}")


def _listed_clip(root: pathlib.Path, place: str, row: dict) -> Clip:
    if None in row or None in row.values():
        raise UserError(f"{place}: has not as many fields as the header; put names with commas in quotes")
    row = {name: value.strip() for name, value in row.items()}
    for name in REQUIRED_COLUMNS:
        if not row[name]:
            raise UserError(f"{place}: names no {name}; fill it in")
    listed = pathlib.PurePosixPath(row["path"])
    if listed.is_absolute() or ".." in listed.parts:
        raise UserError(f"{place}: {row['path']} leads out of the folder; name clips by their path in {root}")
    if not listed.name:
        raise UserError(f"{place}: '{row['path']}' is no file; name clips by their path in {root}")
    recording, background = (row.get(name, "") for name in ("recording", "background"))
    return Clip((root / listed).absolute(), listed.as_posix(), row["label"], recording, background)


def _check_names(clips: list[Clip], root: pathlib.Path) -> None:
    """Every name can be written down, and no two labels can be taken for one another."""
    for clip in clips:
        for name in (clip.name, clip.label, clip.recording, clip.background):
            if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
                raise UserError(f"{root}: the name {name!r} has a control character or broken letter; rename it")
        for what, name in (("label", clip.label), ("background", clip.background)):
            if name != name.strip() or name in (".", "..") or "/" in name or "\\" in name:
                raise UserError(f"{root}: '{name}' cannot be a {what} (space at an end, slash or dots); rename it")
    seen: dict[str, str] = {}
    for label in sorted({clip.label for clip in clips}):
        other = seen.setdefault(unicodedata.normalize("NFKC", label).casefold(), label)
        if other != label:
            raise UserError(f"{root}: the labels '{other}' and '{label}' differ in case or accents only; use one name")


def _name_recordings(clips: list[Clip]) -> list[Clip]:
    """A clip whose recording is not named is one of its own, called by its path without the ending."""
    names = [pathlib.PurePosixPath(clip.name) for clip in clips]
    stems = Counter(name.with_suffix("") for name in names)
    # Two files that differ in their ending alone are two recordings.
    own = [name.with_suffix("") if stems[name.with_suffix("")] == 1 else name for name in names]
    return [dataclasses.replace(clip, recording=clip.recording or str(name)) for clip, name in zip(clips, own)]


def _hash_clips(clips: list[Clip]) -> list[Clip | BadVideo]:
    """Reads every clip on all cores."""
    with tqdm(total=len(clips), desc="reading clips", unit=" clips", disable=None) as bar:
        return map_on_all_cores(lambda clip, _: _hash_clip(clip), clips, bar.update)


def _drop_copies(clips: list[Clip]) -> tuple[list[Clip], list[BadVideo]]:
    """A recording that is there twice counts once."""
    first: dict[str, Clip] = {}
    problems = []
    for clip in clips:
        other = first.setdefault(clip.sha256, clip)
        if other.label != clip.label:
            raise UserError(
                f"{clip.path}: is the same recording as {other.path}, but of another dog; remove the wrong one"
            )
        if other is not clip:
            problems.append(
                BadVideo(
                    f"{clip.path}: is the same recording as {other.path}; remove one, or set data.on_bad_video=skip"
                )
            )
    return list(first.values()), problems


def _hash_clip(clip: Clip) -> Clip | BadVideo:
    try:
        if clip.path.stat().st_size == 0:
            return BadVideo(f"{clip.path}: is empty (0 bytes); {WAY_OUT}")
        return dataclasses.replace(clip, sha256=sha256_of_file(clip.path))
    except FileNotFoundError:
        return BadVideo(f"{clip.path}: no such file; correct the list, or set data.on_bad_video=skip")
    except OSError as error:
        return BadVideo(f"{clip.path}: cannot be read ({error.strerror}); mend it, or {WAY_OUT}")


def _name(file: pathlib.Path, root: pathlib.Path) -> str:
    return file.relative_to(root).as_posix()
