"""Trains, resumes, evaluates, diagnoses and studies an experiment.

python launch.py --config=configs/baseline.py --workdir=DIR [--mode=MODE] [--config.FIELD=VALUE ...]
"""

import os
import pathlib
import sys
from typing import TYPE_CHECKING

# TensorFlow reads these when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

from absl import app, flags, logging
from ml_collections import config_flags

from dogjax import config as config_lib
from dogjax import runtime
from dogjax.config import Config
from dogjax.errors import Stopped, UserError, mistake_of
from dogjax.interrupt import stop_at_once
from dogjax.strict import nearest_name

if TYPE_CHECKING:
    from dogjax.train.workdir import Workdir

MODES = ("train", "prepare", "eval", "diagnose", "study", "report")

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment: a file in configs/.")
WORKDIR = flags.DEFINE_string("workdir", None, "The folder of the run: its results, and what it resumes from.")
MODE = flags.DEFINE_enum("mode", "train", MODES, "What to do.")
flags.DEFINE_bool("debug", False, "Show the traceback of a user's mistake, too.")


def main(argv: list[str]) -> None:
    """Runs one mode, and prints what came out."""
    if argv[1:]:
        name = "config" if argv[1].endswith(".py") else "workdir"
        raise UserError(f"unknown argument '{argv[1]}'; write --NAME=VALUE, such as --{name}={argv[1]}")
    if not WORKDIR.value:
        raise UserError("--workdir is missing; name the folder for the results, such as --workdir=runs/first")
    # The configuration is checked before anything else is imported: a mistake is answered at once, not after seconds.
    config = _given_config()
    if config is None and MODE.value in ("train", "prepare", "study"):
        raise UserError("--config is missing; name an experiment, such as --config=configs/baseline.py")
    from dogjax.train.workdir import Workdir

    runtime.start()
    modes = {"train": _train, "prepare": _prepare, "eval": _evaluate}
    modes |= {"diagnose": _diagnose, "study": _study, "report": _report}
    modes[MODE.value](Workdir(pathlib.Path(WORKDIR.value)), config)


def _train(workdir: "Workdir", config: Config) -> None:
    from dogjax.report.summary import summarise_workdir
    from dogjax.study.study import is_study
    from dogjax.train.loop import train

    if is_study(workdir):
        raise UserError(f"--workdir={workdir.path}: holds a study; go on with --mode=study, or name another folder")
    if config.study.arms or config.study.kind != "seeds":
        print("this experiment describes a study: --mode=study, in another folder, trains all of it")
    train(config, workdir)
    print(summarise_workdir(workdir.path))


def _prepare(workdir: "Workdir", config: Config) -> None:
    from dogjax.data.prepare import prepare

    with workdir.locked():
        workdir.check_config(config)
        description = prepare(config.data).describe()
        workdir.write("dataset.json", description)
    print(f"{description['frames']} frames of {len(description['labels'])} classes: {description['tfds_folder']}")


def _evaluate(workdir: "Workdir", config: Config | None) -> None:
    from dogjax.report.summary import summarise_workdir
    from dogjax.train.run import evaluate_workdir

    evaluate_workdir(workdir, config)
    print(summarise_workdir(workdir.path))


def _diagnose(workdir: "Workdir", config: Config | None) -> None:
    if workdir.is_in_use():
        runtime.leave_accelerators()
    from dogjax.diagnose.diagnose import diagnose_workdir
    from dogjax.report.page import write_page
    from dogjax.report.summary import summarise_diagnosis
    from dogjax.study.cartography import map_frames
    from dogjax.study.study import gather_workdir, is_study

    if is_study(workdir):
        gather_workdir(workdir)
        map_frames(workdir, config)
    else:
        diagnose_workdir(workdir, config)
        print(summarise_diagnosis(workdir.path))
    write_page(workdir.path)


def _study(workdir: "Workdir", config: Config) -> None:
    from dogjax.report.page import write_page
    from dogjax.report.summary import summarise_study
    from dogjax.study.study import run_study

    run_study(config, workdir)
    print(summarise_study(workdir.path))
    write_page(workdir.path)


def _report(workdir: "Workdir", config: Config | None) -> None:
    from dogjax.report.page import write_page
    from dogjax.study.study import gather_workdir, is_study

    del config
    if is_study(workdir):
        gather_workdir(workdir)
    write_page(workdir.path)


def _given_config() -> Config | None:
    """Reads and checks the configuration that the command line names; None if it names none."""
    if not flags.FLAGS["config"].present:
        return None
    path, values = config_flags.get_config_filename(flags.FLAGS["config"]), CONFIG.value
    try:
        if not hasattr(values, "to_dict"):
            raise UserError(
                f"--config={path}: get_config() gives a {type(values).__name__}; edit the ConfigDict that "
                "dogjax.config.defaults() gives, and return it"
            )
        values = values.to_dict()
    except OSError as error:  # the file could not be loaded; the flag says so only when it is used
        raise UserError(f"--config={path}: no such file; see configs/ for the experiments") from error
    return config_lib.from_dict(values)


def _parse_flags(argv: list[str]) -> list[str]:
    """Parses the command line; every mistake in it becomes one sentence."""
    if any(name in ("help", "h") for name in _flag_texts(argv)):
        app.usage(shorthelp=True, writeto_stdout=True)
        sys.exit(0)
    known = config_lib.field_names()
    for text in _flag_texts(argv):
        name = text.split("=")[0]
        if name.startswith("config.") and name.removeprefix("config.") not in known:
            raise UserError(f"--{name}: unknown configuration field; {_nearest_field(name, known)}")
        if name not in flags.FLAGS and (fields := [field for field in known if field.split(".")[-1] == name]):
            raise UserError(f"--{name}: unknown flag; did you mean --config.{fields[0]}?")
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        raise UserError(" ".join(str(error).split())) from error
    except Exception as error:  # whatever the code of a configuration file raises
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise UserError(f"--config: the file cannot be run ({reason}); mend it, --debug shows where") from error


def _nearest_field(name: str, known: list[str]) -> str:
    """Returns a hint at a field of the same group, if the group exists."""
    group, _, field = name.removeprefix("config.").rpartition(".")
    fields = [field.removeprefix(f"{group}.") for field in known if field.startswith(f"{group}.")]
    return nearest_name(field, fields) if fields else nearest_name(f"{group}.{field}", known)


def _flag_texts(argv: list[str]) -> list[str]:
    """Lists the flags as they were written, without dashes; in `--workdir debug` the value is not one of them."""
    return [argument.lstrip("-") for argument in argv[1:] if argument.startswith("-")]


def _run(argv: list[str]) -> int:
    """Turns mistakes and signals into exit statuses."""
    stop_at_once()
    logging.set_verbosity(logging.ERROR)
    debug = any(text.lower() in ("debug", "debug=true") for text in _flag_texts(argv))
    try:
        main(_parse_flags(argv))
    except Stopped as stopped:
        print(stopped)
        return stopped.exit_status
    except Exception as error:
        mistake = mistake_of(error)
        if mistake is None or debug:
            raise
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv))
