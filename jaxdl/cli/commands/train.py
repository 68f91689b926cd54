"""`jaxdl train`: a recipe, or a run that goes on, becomes a run folder; prints its parameters and scores."""

from jaxdl.cli.arguments import UsageError, parse, pop_paths
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_scores

HELP = """train [RECIPE] [--run-dir DIR] [--seed N] [--epochs N] [--any.config.field VALUE]
                 train a recipe (digits_mlp by default) and write a run folder;
                 jaxdl train RECIPE --help lists all options
train --resume RUN [--epochs N]
                 go on with a run from its last checkpoint"""


def run(argv: list[str]) -> int:
    """Train and print; returns the exit code."""
    from jaxdl import recipes

    use_compilation_cache()
    named = bool(argv) and not argv[0].startswith("-")
    name, rest = (argv[0], argv[1:]) if named else (recipes.DEFAULT, argv)
    paths, rest = pop_paths(rest, "--run-dir", "--resume")
    folder = paths.get("--resume", paths.get("--run-dir"))
    default = None
    if resume := "--resume" in paths:
        if named or len(paths) == 2:
            raise UsageError("--resume RUN knows its recipe and folder: name no recipe and no --run-dir beside it")
        _only_epochs(rest)
        from jaxdl import runs

        name, default = runs.configuration(paths["--resume"])
    kind = recipes.load(name).Config
    about = f"{recipes.describe(name)}\n\n--run-dir DIR: the run's folder, new or empty (default: runs/{name}/<n>)"
    config = parse(kind, rest, command=f"train {name}", about=about, default=default)

    from jaxdl import runs
    from jaxdl.training import progress
    from jaxdl.tree import summary

    done = runs.train(name, config, run_dir=folder, resume=resume, more_callbacks=(progress(),))
    print(summary(done.state.params), end="\n\n")
    print_scores(done)
    return 0


def _only_epochs(words: list[str]) -> None:
    flags = (word for word in words if word.startswith("--"))
    if fixed := [flag for flag in flags if flag.split("=")[0] not in ("--epochs", "--help")]:
        raise UsageError(f"{fixed[0]} cannot change in a resumed run, only --epochs can")
