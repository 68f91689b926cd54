"""What a figure needs beside it to mean anything: `jaxdl.training.environment`, where records look for it."""

from jaxdl.training.environment import hardware as hardware
from jaxdl.training.environment import read_text as read_text
from jaxdl.training.environment import versions as versions
