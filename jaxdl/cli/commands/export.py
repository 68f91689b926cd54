"""`jaxdl export`: a trained run in a form that needs no jaxdl."""

from pathlib import Path

from jaxdl.cli.arguments import UsageError, new_file, pop_options, positional
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
    value = options.get("--out")
    out = Path(folder, f"model{suffix}") if value is None else new_file("--out", value, f"FILE{suffix}", suffix)
    for line in exports.export(runs.load(Path(folder)), form, out):
        print(line)
    return 0
