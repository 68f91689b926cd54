"""Run folders: a recipe becomes one, and one becomes a model again."""

from jaxdl.runs.interruption import Interrupted as Interrupted
from jaxdl.runs.run_folder import configuration as configuration
from jaxdl.runs.trained import Run as Run
from jaxdl.runs.trained import load as load
from jaxdl.runs.training_runs import Outcome as Outcome
from jaxdl.runs.training_runs import evaluate_run as evaluate_run
from jaxdl.runs.training_runs import score as score
from jaxdl.runs.training_runs import train as train
