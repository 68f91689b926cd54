"""`jaxdl train`: a recipe, or a run that goes on, becomes a run folder; prints its parameters and scores."""

from jaxdl.cli.arguments import UsageError, parse, pop_options, pop_paths
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_scores

HELP = """train [RECIPE] [--preset NAME] [--run-dir DIR] [--seed N] [--epochs N] [--any.config.field VALUE]
                 train a recipe (digits_mlp by default) and write a run folder;
                 jaxdl train RECIPE --help lists all options
train --resume RUN [--epochs N] [--patience N] [--save-every SECONDS]
                 go on with a run from its last checkpoint"""

_SAVE_EVERY = 60.0


def run(argv: list[str]) -> int:
    """Train and print; returns the exit code."""
    from jaxdl import recipes

    use_compilation_cache()
    named = bool(argv) and not argv[0].startswith("-")
    name, rest = (argv[0], argv[1:]) if named else (recipes.DEFAULT, argv)
    paths, rest = pop_paths(rest, "--run-dir", "--resume")
    options, rest = pop_options(rest, "--save-every", "--preset")
    save_every = _seconds(options.get("--save-every", str(_SAVE_EVERY)))
    folder = paths.get("--resume", paths.get("--run-dir"))
    default = None
    if resume := "--resume" in paths:
        if named or "--preset" in options or len(paths) == 2:
            raise UsageError("--resume RUN knows its recipe and folder: name no recipe, preset or --run-dir beside it")
        from jaxdl import runs

        name, default = runs.configuration(paths["--resume"])
    elif "--preset" in options:
        default = recipes.preset(name, options["--preset"])
    kind = recipes.load(name).Config
    about = f"""{recipes.describe(name)}

--run-dir DIR: the run's folder, new or empty (default: runs/{name}/<n>)
--save-every SECONDS: between checkpoints inside an epoch (default: {_SAVE_EVERY:.0f})"""
    if known := recipes.presets(name):
        about += f"\n--preset NAME: settings to start from, of {', '.join(known)} (default: those below)"
    config = parse(kind, rest, command=f"train {name}", about=about, default=default)

    from jaxdl import runs
    from jaxdl.training import progress
    from jaxdl.tree import summary

    done = runs.train(name, config, run_dir=folder, resume=resume, more_callbacks=(progress(),), save_every=save_every)
    print(summary(done.state.params), end="\n\n")
    print_scores(done)
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"--save-every needs a number of seconds, at least 0, got {text!r}")
    return seconds
