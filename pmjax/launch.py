"""Run a study: python -m pmjax.launch [flags]

  --config=FILE        a config (default: quickstart); a bare name such as case_hiv_trial is looked up in configs/
  --config.KEY=VALUE   override a value of the config, e.g. --config.scale=smoke --config.train.seeds=5
  --workdir=DIR        where the study goes (default: runs/<study>); a stopped one goes on from there
  --quiet              no progress bars
  --debug              print a traceback when something fails
  --help               this text

The study ends with DIR/report.html and DIR/results.json. Exit codes: 0 done, 2 an error that one line explains,
3 the audit found a leak, 130 or 143 stopped by a signal with the state saved (run the same command to go on).
Environment: PMJAX_DATA (folder of public data), PMJAX_CACHE (compiled programs), JAX_PLATFORMS (cpu, cuda, tpu),
PMJAX_NO_REEXEC=1 (do not restart once, under the same process id, to set glibc's allocator where the CPU trains);
several processes: see launch/. Research use only.
"""

import gc
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pmjax import allocator

# Seconds that the other processes wait at their end while the first does baselines, evidence and report; after
# JAX's own five minutes all would abort. A process that died is noticed long before, by its heartbeat.
_LONGEST_REST = 86_400


def main(arguments: Sequence[str]) -> int:
    """Parses the flags, runs the study and says where the report lies; returns the exit code."""
    if asks_for_help(arguments):
        print(__doc__, end="")  # noqa: T201
        return 0
    from pmjax.errors import UserError

    caught: UserError | OSError
    try:
        return _launch(arguments)
    except UserError as error:
        caught, code, message = error, error.exit_code, str(error)
    except OSError as error:
        # A full or read-only disk anywhere; what was saved before stays whole.
        where = f"{error.filename}: " if error.filename else ""
        caught, code, message = error, 2, f"{where}{error.strerror or error}; mend it and run the same command to go on"
    if "--debug" in arguments:
        traceback.print_exception(caught)
    print(f"pmjax: error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether nothing but the help is wanted."""
    return bool({"--help", "-h", "-help"} & set(arguments))


def _launch(arguments: Sequence[str]) -> int:
    config, workdir, quiet = parse(arguments)
    _set_up_jax()
    import jax

    from pmjax import study
    from pmjax.progress import Stages
    from pmjax.train import StoppedError

    try:
        with Stages(quiet) as stages:
            page = study.run(config, workdir, stages=stages, stop=_signals())
    except StoppedError as stopped:
        if jax.process_index() == 0:
            print(f"pmjax: stopped; the state is saved in {workdir}, run the same command to go on", file=sys.stderr)  # noqa: T201
        return 128 + stopped.number
    if page is not None:
        print(f"pmjax: report: {page}")  # noqa: T201
    return 0


def parse(arguments: Sequence[str]) -> tuple[dict[str, Any], Path, bool]:
    """Returns the config, the workdir and whether to be quiet.

    Raises:
        UserError: an unknown flag, config file or key, or a value of the wrong type.
    """
    from absl import flags
    from ml_collections import config_flags

    from pmjax.config import check, plain
    from pmjax.errors import UserError

    values = flags.FlagValues()
    named = [a.split("=", 1)[1] for a in arguments if a.startswith("--config=")]
    path = find_config(named[-1] if named else "quickstart")
    shipped = load_config(path)
    argv = ["pmjax", *(a for a in arguments if not a.startswith("--config="))]
    flags.DEFINE_string("workdir", None, "", flag_values=values)
    flags.DEFINE_bool("quiet", False, "", flag_values=values)
    flags.DEFINE_bool("debug", False, "", flag_values=values)
    try:
        _check_overrides(shipped, argv)
        config_flags.DEFINE_config_dict("config", shipped, flag_values=values, sys_argv=argv)
        extra = values(argv)[1:]
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(f"{error}; see {path} and --help") from error
    if extra:
        raise UserError(f"argument {extra[0]!r} is not a flag; see --help")
    config = plain(values.config.to_dict())
    check(config)
    return config, Path(values.workdir or Path("runs") / config["study"]), values.quiet


def load_config(path: Path) -> Any:
    """Returns the ConfigDict that `get_config()` of a file returns.

    Raises:
        UserError: the file cannot be read or run, or has no such function.
    """
    from ml_collections import ConfigDict

    from pmjax.errors import UserError

    try:
        config = runpy.run_path(str(path))["get_config"]()
    except Exception as error:  # The file is a program of the user's: it may raise anything.
        said = "there is no get_config()" if error.args == ("get_config",) else f"{type(error).__name__}: {error}"
        raise UserError(f"{path}: {said}; mend the config file") from error
    if not isinstance(config, ConfigDict):
        raise UserError(f"{path}: get_config() returns {type(config).__name__}; return a ml_collections.ConfigDict")
    return config


def _check_overrides(config: Any, argv: Sequence[str]) -> None:
    from pmjax.errors import UserError

    for argument in (a for a in argv if a.startswith("--config.")):
        section = config
        for key in argument.split("=", 1)[0].split(".")[1:]:
            known = list(section) if hasattr(section, "keys") else ["no key below it"]
            if key not in known:
                raise UserError(f"{argument}: {key!r} is not a key of the config; there is {', '.join(known)}")
            section = section[key]


def find_config(name: str) -> Path:
    """Returns the file of a config: a path, or the name of one that ships with pmjax."""
    from pmjax.errors import UserError

    here = Path(__file__).parent
    folders = [folder for folder in (here / "configs", here.parent / "configs") if folder.is_dir()]
    for path in (Path(name), *(folder / f"{name}.py" for folder in folders)):
        if path.is_file():
            return path
    shipped = sorted(p.stem for folder in folders for p in folder.glob("*.py"))
    raise UserError(f"--config: there is no file {name!r}; shipped configs: {', '.join(shipped)}")


def _set_up_jax() -> None:
    """Joins the other processes where there are any, and turns the compilation cache on."""
    import jax

    from pmjax.cache import enable_compilation_cache

    if coordinator := os.environ.get("PMJAX_COORDINATOR"):
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        count, number = int(os.environ["PMJAX_PROCESSES"]), int(os.environ["PMJAX_PROCESS_ID"])
        jax.distributed.initialize(coordinator, count, number, shutdown_timeout_seconds=_LONGEST_REST)
    elif os.environ.get("PMJAX_DISTRIBUTED") == "auto":
        jax.distributed.initialize(shutdown_timeout_seconds=_LONGEST_REST)
    enable_compilation_cache()


def _signals() -> Callable[[], int]:
    """Notes TERM and INT instead of dying of them; returns what says which came, 0 while none has."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        # A second one of its kind means it; Ctrl-C in a launch/ shell brings INT and, by the shell, TERM.
        if number in came:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        came.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return lambda: came[0] if came else 0


if __name__ == "__main__":
    if not asks_for_help(sys.argv[1:]):
        allocator.restart("pmjax.launch")
    # What is imported and traced stays: to look through it again and again took a fifth of the way to the first step.
    gc.set_threshold(100_000)
    sys.exit(main(sys.argv[1:]))
