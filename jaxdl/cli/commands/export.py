"""`jaxdl export`: a trained run in a form that needs no jaxdl."""

from pathlib import Path

from jaxdl.cli.arguments import UsageError, pop_options, positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.validation import did_you_mean

HELP = """export RUN --to safetensors|jax|onnx|torch|flax [--out FILE]
                 the parameters by their names, a program of jax.export or an ONNX model for batches of any size, a
                 PyTorch state dict or a flax parameter tree with its module; into the run's folder by default"""

_USAGE = "export RUN --to safetensors|jax|onnx|torch|flax [--out FILE]"


def run(argv: list[str]) -> int:
    """Write and say how it is read; returns the exit code."""
    options, rest = pop_options(argv, "--to", "--out")
    (folder,) = positional(rest, _USAGE, least=1, most=1)
    use_compilation_cache()
    from jaxdl import runs
    from jaxdl.runs import exports

    form = options.get("--to", "")
    if form not in exports.FORMS:
        raise UsageError(
            f"--to needs one of {', '.join(exports.FORMS)}, got {form!r}{did_you_mean(form, exports.FORMS)}"
        )
    suffix = exports.FORMS[form].suffix
    out = Path(options["--out"]) if "--out" in options else Path(folder, f"model{suffix}")
    if "--out" in options and (out.suffix != suffix or not out.parent.is_dir()):
        raise UsageError(f"--out needs FILE{suffix} in a folder that exists, got {options['--out']!r}")
    for line in exports.export(runs.load(Path(folder)), form, out):
        print(line)
    return 0
