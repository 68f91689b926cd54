"""Tasks: a model, a loss, an optimizer and data, joined into a `Task` that `fit` can run."""

from jaxdl.tasks.building import build as build
