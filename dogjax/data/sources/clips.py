"""Finds the clips in a folder of videos: the class, the recording and the background of each.

Three layouts: `ROOT/<class>/<background>/<recording>.mp4`, `ROOT/<class>/<recording>.mp4`, or any other
with `ROOT/clips.csv`. A file in a class's folder that is not a video is never skipped in silence.
"""

import csv
import dataclasses
import pathlib
import unicodedata
from collections import Counter, defaultdict
from typing import NamedTuple

from tqdm import tqdm

from dogjax.data.decode import WAY_OUT, BadVideo
from dogjax.errors import UserError
from dogjax.files import sha256_of_file
from dogjax.workers import map_on_all_cores

LIST = "clips.csv"
COLUMNS = ("path", "label", "recording", "background")
REQUIRED_COLUMNS = ("path", "label")
# Names that a frame's own columns have; a group cannot be called so.
TAKEN = ("image", "time", "sharpness", "frame", "frame_id", "block")
LAYOUTS = (
    f"lay the clips out as ROOT/<class>/<background>/<recording>.mp4 or ROOT/<class>/<recording>.mp4, or list them in "
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
    its bytes. `background` is empty where none is named. `groups` are the further columns of the list.
    """

    path: pathlib.Path
    name: str
    label: str
    recording: str
    background: str
    sha256: str = ""
    groups: dict[str, str] = dataclasses.field(default_factory=dict)


class Found(NamedTuple):
    """The clips of a folder, sorted by name; a sentence for each file left out; and notes for the user."""

    clips: list[Clip]
    problems: list[str]
    notes: list[str]


def find_clips(root: pathlib.Path, on_bad_video: str) -> Found:
    """Finds the clips under `root`, and reads each once for its hash.

    A clip that cannot be used is an error; with `on_bad_video="skip"` it is left out. The class of a clip
    is never guessed: doubt about labels is an error in either case.

    Raises:
      BadVideo: a file is not a video, is empty, unreadable, or a copy of another clip.
      UserError: the folder does not exist, its layout or list is not as described, or a class has no clip.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise UserError(f"data.path={root}: {what}; {LAYOUTS}")
    _check_list_name(root)
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
            raise UserError(f"{root}: class '{clip.label}' is left without a clip ({problem})")
    return Found(clips, [str(problem) for problem in problems], _notes(root, clips))


def _check_list_name(root: pathlib.Path) -> None:
    """Refuses a list whose name differs in case: it would be ignored in silence."""
    for file in _visible(root):
        if file.name != LIST and file.name.casefold() == LIST:
            raise UserError(f"{file}: is not read under this name; rename it to {LIST}")


def _notes(root: pathlib.Path, clips: list[Clip]) -> list[str]:
    """Says what a user may not have meant."""
    notes = []
    if (root / LIST).exists():
        listed = {clip.path for clip in clips}
        others = [file for file in sorted(root.rglob("*")) if _is_video(file) and file.absolute() not in listed]
        others = [file for file in others if not any(part.startswith(".") for part in file.relative_to(root).parts)]
        if others:
            notes.append(f"{len(others)} videos in {root} are not in {LIST} and are not used, such as {others[0].name}")
    classes = defaultdict(set)
    for clip in clips:
        classes[clip.recording].add(clip.label)
    for recording, labels in classes.items():
        if len(labels) > 1:
            notes.append(
                f"recording '{recording}' holds clips of several classes ({', '.join(sorted(labels))}) and is kept "
                "on one side as a whole; name them apart if they are several recordings"
            )
    return notes


def _walk(root: pathlib.Path) -> tuple[list[Clip], list[BadVideo]]:
    """Lists the clips of the two folder layouts."""
    classes = [path for path in _visible(root) if path.is_dir()]
    if not classes:
        raise UserError(f"data.path={root}: holds no folders of classes; {LAYOUTS}")
    if stray := [path for path in _visible(root) if not path.is_dir() and _is_video(path)]:
        raise UserError(f"{stray[0]}: lies in the folder of no class; {LAYOUTS}")
    clips, problems = [], []
    for folder in classes:
        files = [(file, "") for file in _visible(folder) if not file.is_dir()]
        for background in (path for path in _visible(folder) if path.is_dir()):
            if deeper := [path for path in _visible(background) if path.is_dir()]:
                raise UserError(f"{deeper[0]}: is a folder too deep; {LAYOUTS}")
            files += [(file, background.name) for file in _visible(background)]
        videos = [(file, background) for file, background in files if _is_video(file)]
        others = [_no_video(file) for file, _ in files if not _is_video(file)]
        if not videos:
            why = f" ({others[0]})" if others else "; add one, or remove the folder"
            raise UserError(f"{folder}: class '{folder.name}' has no clip{why}")
        if len({bool(background) for _, background in videos}) == 2:
            raise UserError(f"{folder}: holds clips beside folders of backgrounds; move every clip into a background")
        problems += others
        clips += [Clip(file.absolute(), _name(file, root), folder.name, "", background) for file, background in videos]
    return clips, problems


def _is_video(file: pathlib.Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _no_video(file: pathlib.Path) -> BadVideo:
    return BadVideo(f"{file}: is not a video by its name; move it away, or set data.on_bad_video=skip")


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists a folder, but for hidden files such as `.DS_Store`."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from error


def _read_list(root: pathlib.Path) -> tuple[list[Clip], list[BadVideo]]:
    """Lists the clips that `clips.csv` names."""
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
    if len(set(header)) < len(header):
        raise UserError(f"{path}: has a column twice; {wanted}")
    for name in header:
        if name in COLUMNS:
            continue
        if near := [known for known in COLUMNS if _one_letter_apart(name.casefold(), known)]:
            raise UserError(f"{path}: has an unknown column '{name}'; did you mean '{near[0]}'?")
        if name in TAKEN or not name.isidentifier():
            raise UserError(f"{path}: '{name}' cannot be the name of a group; use letters, such as 'person'")


def _one_letter_apart(a: str, b: str) -> bool:
    """Whether `a` is `b`, or one letter changed, added, left out or swapped with its neighbour makes it so."""
    if abs(len(a) - len(b)) > 1:
        return False
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    if len(longer) == len(shorter):
        differing = [place for place, (x, y) in enumerate(zip(a, b)) if x != y]
        swapped = len(differing) == 2 and sorted(a) == sorted(b) and differing[1] - differing[0] == 1
        return len(differing) <= 1 or swapped
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))


def _listed_clip(root: pathlib.Path, place: str, row: dict) -> Clip:
    if None in row or None in row.values():
        raise UserError(f"{place}: has another number of fields than the header; put names with commas in quotes")
    row = {name: value.strip() for name, value in row.items()}
    for name in REQUIRED_COLUMNS:
        if not row[name]:
            raise UserError(f"{place}: names no {name}; fill it in")
    listed = pathlib.PurePosixPath(row["path"])
    if listed.is_absolute() or ".." in listed.parts:
        raise UserError(f"{place}: {row['path']} leads out of the folder; name clips by their path in {root}")
    if not listed.name:
        raise UserError(f"{place}: '{row['path']}' is not a file; name clips by their path in {root}")
    recording, background = (row.get(name, "") for name in ("recording", "background"))
    groups = {name: value for name, value in row.items() if name not in COLUMNS}
    for name, value in groups.items():
        if not value:
            raise UserError(f"{place}: names no {name}; fill it in, or remove the column")
    return Clip((root / listed).absolute(), listed.as_posix(), row["label"], recording, background, groups=groups)


def _check_names(clips: list[Clip], root: pathlib.Path) -> None:
    """Checks that every name can be written down, and that no two names can be taken for one another."""
    for clip in clips:
        for name in (clip.name, clip.label, clip.recording, clip.background, *clip.groups.values()):
            if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
                raise UserError(f"{root}: the name {name!r} has a control character or broken letter; rename it")
        for what, name in (("label", clip.label), ("background", clip.background)):
            if name != name.strip() or name in (".", "..") or "/" in name or "\\" in name:
                raise UserError(f"{root}: '{name}' cannot be a {what} (space at an end, slash or dots); rename it")
    _check_lookalikes(root, "labels", [clip.label for clip in clips])
    _check_lookalikes(root, "backgrounds", [clip.background for clip in clips])
    _check_lookalikes(root, "recordings", [clip.recording for clip in clips])
    for group in clips[0].groups if clips else ():
        _check_lookalikes(root, f"entries of column {group},", [clip.groups[group] for clip in clips])


def _check_lookalikes(root: pathlib.Path, what: str, names: list[str]) -> None:
    """Refuses two names for one thing: 'garden' and 'Garden', or an umlaut in two Unicode forms, as on macOS.

    A split would take them for two groups, and put one on either side.
    """
    seen: dict[str, str] = {}
    for name in sorted(set(names)):
        other = seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if other != name:
            raise UserError(f"{root}: the {what} '{other}' and '{name}' differ in case or accents only; use one name")


def _name_recordings(clips: list[Clip]) -> list[Clip]:
    """Names recordings: a clip without one is its own recording, called by its path without the ending."""
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
    """Keeps the first of several clips with the same bytes."""
    first: dict[str, Clip] = {}
    problems = []
    for clip in clips:
        other = first.setdefault(clip.sha256, clip)
        if other.label != clip.label:
            raise UserError(
                f"{clip.path}: is the same recording as {other.path}, but of another class; remove the wrong one"
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
