"""The command line: thin commands that parse, call and print. The logic lies in the floors below."""

from jaxdl.cli.dispatch import main as main
