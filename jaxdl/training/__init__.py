"""Training: the step as a pure function, `fit`, callbacks, checkpoints, evaluation, data parallelism."""

from jaxdl.training.callbacks import NonFiniteError as NonFiniteError
from jaxdl.training.callbacks import csv_log as csv_log
from jaxdl.training.callbacks import early_stopping as early_stopping
from jaxdl.training.callbacks import json_lines as json_lines
from jaxdl.training.callbacks import nan_stop as nan_stop
from jaxdl.training.callbacks import progress as progress
from jaxdl.training.callbacks import reduce_on_plateau as reduce_on_plateau
from jaxdl.training.evaluation import evaluate as evaluate
from jaxdl.training.events import PAUSE as PAUSE
from jaxdl.training.events import STOP as STOP
from jaxdl.training.events import Callback as Callback
from jaxdl.training.events import Event as Event
from jaxdl.training.events import History as History
from jaxdl.training.events import Paused as Paused
from jaxdl.training.external_logs import tensorboard as tensorboard
from jaxdl.training.external_logs import wandb as wandb
from jaxdl.training.fitting import FitResult as FitResult
from jaxdl.training.fitting import fit as fit
from jaxdl.training.program import RetraceError as RetraceError
from jaxdl.training.sharding import data_mesh as data_mesh
from jaxdl.training.sharding import make_mesh as make_mesh
from jaxdl.training.step import LossFn as LossFn
from jaxdl.training.step import TrainState as TrainState
from jaxdl.training.step import init_train_state as init_train_state
from jaxdl.training.step import make_train_step as make_train_step
from jaxdl.training.task import Task as Task
