"""`jaxdl completion`: a script that lets a shell complete commands, recipes and options."""

from jaxdl.cli.arguments import positional

HELP = """completion bash|zsh|fish|tcsh|powershell
                 a script with which the shell completes commands, recipes and options: for bash
                 jaxdl completion bash > ~/.local/share/bash-completion/completions/jaxdl"""


def run(argv: list[str]) -> int:
    """Print the script; returns the exit code."""
    (shell,) = positional(argv, "completion bash|zsh|fish|tcsh|powershell", least=1, most=1)
    from jaxdl.cli import completion

    print(completion.script(shell))
    return 0
