"""What a shell completes after `jaxdl`: asked of a real bash, with the script that the command prints."""

import shutil
import subprocess

import pytest
from refusal import refused

from jaxdl import cli, recipes
from jaxdl.cli import commands, completion

ASK = """source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_shtab_jaxdl jaxdl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "jaxdl.bash"
    path.write_text(completion.script("bash"))
    return path


QUESTIONS = [
    ("tr", {"train", "translate"}),
    ("train dig", {name for name in recipes.names() if name.startswith("dig")}),
    ("train digits_mlp --learn", {"--learning-rate"}),
    ("train digits_mlp --seed 3 --model.w", {"--model.widths"}),
    ("train digits_mlp --optimizer ada", {"adam", "adamw", "adagrad"}),
    ("train --resu", {"--resume"}),
    ("search iris_m", {"iris_mlp"}),
    ("export runs/1 --to o", {"onnx"}),
    ("claim xor", {"xor_needs_two_layers"}),
    ("check trans", {"transformer"}),
    ("data fetch mn", {"mnist"}),
    ("--dev", {"--device"}),
]


@pytest.mark.parametrize(("words", "expected"), QUESTIONS)
def test_bash_completes(file, words, expected):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    command = [bash, "--norc", "-c", ASK, "bash", str(file), "jaxdl", *words.split(" ")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=file.parent)
    found = {word.strip() for word in done.stdout.splitlines() if word.strip()}
    assert found == expected if words != "tr" else found >= expected, done.stderr


def test_the_command_prints_a_script_that_bash_takes(capsys):
    assert cli.main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert script.rstrip().endswith("complete -o bashdefault -o default -F _shtab_jaxdl jaxdl")
    assert all(f"_shtab_jaxdl_{name}_" in script or name == "list" for name in commands.names())


def test_another_shell_is_refused(capsys):
    assert "no completion for 'bsh', did you mean 'bash'? One of: bash, zsh" in refused(capsys, "completion", "bsh")
