"""`jaxdl train`: a recipe, or a run that goes on, becomes a run folder; prints its parameters and scores."""

from pathlib import Path
from typing import Any

from jaxdl.cli.arguments import UsageError, parse, pop_options, pop_paths, pop_switches, whole
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_scores, print_table, stages
from jaxdl.cli.processes import JOINING, join

HELP = """train [RECIPE] [--preset NAME] [--config FILE] [--run-dir DIR] [--epochs N] [--any.config.field VALUE]
                 train a recipe (digits_mlp by default; ./yours.py is one, too) and write a run folder;
                 jaxdl train RECIPE --help lists all options; --config reads them from a .toml or a run's config.json
train RECIPE --mesh data=4,model=2 [...]
                 on many devices: data (rows of a batch), shard (rows, parameters, moments), model (matrices)
train RECIPE --coordinator HOST:PORT --num-processes N --process-id I [...]
                 the same command on every machine, I from 0 to N - 1 (--coordinator auto asks SLURM or the cloud)
train RECIPE --tensorboard | --wandb [...]
                 write the scores for these programs, too, into the run's folder (Weights & Biases offline)
train RECIPE --seeds N [...]
                 N runs in one program: every score's mean and 95 % interval
train --resume RUN [--epochs N] [--patience N] [--save-every SECONDS] [--mesh AXES]
                 go on with a run from its last checkpoint"""

_SAVE_EVERY = 60.0
_LOGS = ("--tensorboard", "--wandb")


def run(argv: list[str]) -> int:
    """Train and print; returns the exit code."""
    from jaxdl import recipes

    use_compilation_cache()
    named = bool(argv) and not argv[0].startswith("-")
    name, rest = (argv[0], argv[1:]) if named else (recipes.DEFAULT, argv)
    paths, rest = pop_paths(rest, "--run-dir", "--resume")
    options, rest = pop_options(rest, "--save-every", "--preset", "--seeds", "--config", "--mesh", *JOINING)
    logs, rest = pop_switches(rest, *_LOGS)
    save_every = _seconds(options.get("--save-every", str(_SAVE_EVERY)))
    folder = paths.get("--resume", paths.get("--run-dir"))
    default = None
    if resume := "--resume" in paths:
        if named or {"--preset", "--seeds", "--config"} & set(options) or len(paths) == 2:
            raise UsageError("--resume RUN knows its recipe and folder: name no recipe, preset or config beside it")
        from jaxdl import runs

        name, default = runs.configuration(paths["--resume"])
    else:
        name, default = _start(name if named else None, options.get("--preset"), options.get("--config"))
    kind = recipes.load(name).Config
    about = f"""{recipes.describe(name)}

--run-dir DIR: the run's folder, new or empty (default: runs/{recipes.title(name)}/<n>)
--mesh AXES: devices, such as data=8, shard=8 or data=4,model=2 (default: one)
--coordinator HOST:PORT, --num-processes N, --process-id I: one of several processes (default: alone)
--save-every SECONDS: between checkpoints inside an epoch (default: {_SAVE_EVERY:.0f})"""
    about += "\n--tensorboard, --wandb: write the scores there, too, into the run's folder (Weights & Biases offline)"
    about += "\n--config FILE: a .toml, or a run's config.json, with options to start from"
    if known := recipes.presets(name):
        about += f"\n--preset NAME: settings to start from, of {', '.join(known)} (default: those below)"
    config = parse(kind, rest, command=f"train {name}", about=about, default=default)

    if "--seeds" in options and logs:
        raise UsageError(f"--seeds writes no {logs[0].removeprefix('--')} log: its runs are one program")
    if "--seeds" in options and {"--mesh", *JOINING} & set(options):
        raise UsageError("--seeds trains all runs on one device: leave out --mesh and --coordinator")
    join(options)
    if "--seeds" in options:
        return _seeds(name, config, options["--seeds"], folder)
    from jaxdl import runs
    from jaxdl.training import agreement, progress
    from jaxdl.tree import summary

    bars = (progress(),) if agreement.is_first() else ()
    more: dict[str, Any] = {"more_callbacks": bars, "save_every": save_every, "mesh": options.get("--mesh")}
    more["logs"] = tuple(name.removeprefix("--") for name in logs)
    done = runs.train(name, config, run_dir=folder, resume=resume, **more)
    if not done.scores:  # another process tells
        return 0
    print(summary(done.state.params), end="\n\n")
    print_scores(done)
    return 0


def _start(named: str | None, preset: str | None, file: str | None) -> tuple[str, Any]:
    """The recipe and the configuration to start from, None for its own: a preset's, and what a file changes in it."""
    from jaxdl import recipes

    if file is None:
        name = named or recipes.DEFAULT
        return name, None if preset is None else recipes.preset(name, preset)
    from jaxdl.runs import config_files

    other, values = config_files.read(Path(file))
    if named and other and recipes.stored(other) != recipes.stored(named):
        raise UsageError(f"{file} has options of {other}, not of {named}")
    name = named or other or recipes.DEFAULT
    default = recipes.load(name).Config() if preset is None else recipes.preset(name, preset)
    return name, config_files.merged(default, values, file)


def _seeds(name: str, config: Any, count: str, folder: Path | None) -> int:
    """Train with many seeds and print every score's mean; returns the exit code."""
    from jaxdl.metrics.intervals import confidence
    from jaxdl.runs.seeds import train_seeds

    n = whole("--seeds", count, least=2)
    with stages(name) as stage:
        stage(f"{n} runs in one program")
        done = train_seeds(name, config, n, run_dir=folder)
    rows = []
    for score, values in done.scores.items():
        mean, spread = sum(values) / len(values), confidence(values)
        rows.append([score, f"{mean:.4f}", f"± {spread:.4f}", f"{min(values):.4f}", f"{max(values):.4f}"])
    print_table(["score", "mean", "95 %", "least", "largest"], rows)
    values = done.scores[done.headline]
    print(f"{done.headline} {sum(values) / len(values):.4f} ± {confidence(values):.4f}  {done.folder}")
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"--save-every needs a number of seconds, at least 0, got {text!r}")
    return seconds
