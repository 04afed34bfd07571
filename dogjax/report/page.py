"""Writes `report.html`: one self-contained page of a workdir, drawn from its files alone."""

import base64
import pathlib
import re
from typing import Any

import jinja2

from dogjax.diagnose.pictures import read_picture
from dogjax.diagnose.trial import QUESTION
from dogjax.diagnose.verdict import headline
from dogjax.errors import UserError
from dogjax.files import read_json, read_json_lines, write_text
from dogjax.report.run_figures import (
    accuracy_picture,
    branches_picture,
    counterfactual_picture,
    distance_picture,
    loss_picture,
    overview_picture,
    quality_picture,
    switches_picture,
    who_jumps_picture,
)
from dogjax.report.study_figures import map_picture, study_pictures
from dogjax.report.summary import summarise_workdir
from dogjax.study.analysis import by_arm
from dogjax.study.outcome import read_outcomes
from dogjax.study.plan import plan_runs
from dogjax.train.workdir import Workdir


def write_page(workdir: pathlib.Path) -> None:
    """Writes `report.html` for a study or for a run, and prints where it is.

    Raises:
      UserError: the folder holds neither.
    """
    if (workdir / "study.json").exists():
        page = _study_page(workdir)
    elif (workdir / "metrics.jsonl").exists():
        page = _run_page(workdir)
    else:
        raise UserError(f"--workdir={workdir}: holds no run and no study yet; train one there, or name another folder")
    write_text(workdir / "report.html", page)
    print(f"the page: {workdir / 'report.html'}")


def _study_page(workdir: pathlib.Path) -> str:
    config = Workdir(workdir).saved_config()
    study = read_json(workdir / "study.json")
    arms = by_arm(read_outcomes(workdir, plan_runs(config))[0])
    pictures, cartography = study_pictures(study, arms), _read_if_there(workdir / "cartography.json")
    if cartography:
        pictures.append(map_picture(cartography["frames"]))
    gallery = _gallery(workdir, cartography["gallery"]) if cartography else []
    return _render("study.html", study=study, name=workdir.name, pictures=pictures, gallery=gallery)


def _run_page(workdir: pathlib.Path) -> str:
    metrics = read_json_lines(workdir / "metrics.jsonl")
    if not metrics:
        raise UserError(f"--workdir={workdir}: no epoch is finished yet; go on training first")
    evaluation, diagnosis = Workdir(workdir).read_evaluation(), _read_if_there(workdir / "diagnosis.json")
    if diagnosis and "who_jumps" not in diagnosis:
        raise UserError(f"--workdir={workdir}: its diagnosis is of an earlier version; repeat it with --mode=diagnose")
    pictures = [loss_picture(metrics, diagnosis and diagnosis["curves"]["epochs"]), accuracy_picture(metrics)]
    if diagnosis:
        pictures.insert(0, counterfactual_picture(diagnosis["curves"]))
        if diagnosis["switches"]:
            pictures.insert(1, switches_picture(diagnosis["switches"], diagnosis["unit"]))
        if diagnosis["ends"]:
            pictures.insert(2, branches_picture(diagnosis["ends"]))
        if diagnosis["who_jumps"]:
            pictures.append(who_jumps_picture(diagnosis["who_jumps"]))
        if diagnosis["batch_norm_distance"]:
            pictures.append(distance_picture(diagnosis["curves"]["epochs"], diagnosis["batch_norm_distance"]))
        pictures.append(quality_picture(diagnosis["quality"]))
    return _render(
        "run.html",
        name=workdir.name,
        summary=summarise_workdir(workdir).strip().splitlines()[:-1] if evaluation else [],
        evaluation=evaluation,
        warnings=read_json(workdir / "split.json")["audit"]["warnings"],
        result=read_json(workdir / "result.json"),
        diagnosis=diagnosis,
        headline=headline(diagnosis) if diagnosis else "",
        question=QUESTION,
        overview=[overview_picture(diagnosis["curves"])] if diagnosis else [],
        pictures=pictures,
        gallery=_gallery(workdir, diagnosis["gallery"]) if diagnosis else [],
    )


def _gallery(workdir: pathlib.Path, sheets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds `frames` to each row of the sheets: `uri` and `text` of each picture that was not removed."""
    for row in (row for sheet in sheets for row in sheet["rows"]):
        pictures = [(read_picture(workdir, name), text) for name, text in zip(row["pictures"], row["texts"])]
        row["frames"] = [{"uri": _uri(picture), "text": text} for picture, text in pictures if picture is not None]
    return sheets


def _uri(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def _read_if_there(path: pathlib.Path) -> Any:
    return read_json(path) if path.exists() else None


def _render(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # So that a line breaks between flags.
    environment.filters["split_flags"] = lambda flags: re.split(r' (?="?--)', flags)
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.1%}"
    environment.filters["whole"] = lambda value: "–" if value is None else f"{value:.0%}"
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.3f}"
    environment.filters["points"] = lambda value: "–" if value is None else f"{100 * value:.2f}"
    return environment.get_template(template).render(**values)
