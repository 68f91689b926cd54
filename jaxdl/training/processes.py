"""Several processes as one computer: each has some of the devices, all of them run the same program.

    # on machine 0 (10.0.0.1)                          # on machine 1
    processes.join("10.0.0.1:9876", 2, 0)              processes.join("10.0.0.1:9876", 2, 1)
    fit(task, epochs=3, run_dir="/shared/run")         fit(task, epochs=3, run_dir="/shared/run")

After `join`, `jax.devices()` are those of all processes, and `fit` cuts every batch between them. What must not differ
is said by process 0 or compared (`jaxdl.training.agreement`). Process 0 writes the logs and the pictures, all of them
write checkpoints, so that the run's folder must be one that all see. Where one dies, the others raise `ProcessLost`
within seconds.
"""

import atexit
import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from jaxdl.training import coordinator as coordinating

_GRACE = 10.0  # seconds that a process has to leave by itself after another one is lost


class ProcessLost(ConnectionAbortedError):
    """Another process of this run is gone: killed, crashed, or cut off. What was saved is there to go on from."""

    def __init__(self, who: str) -> None:
        super().__init__(errno.ECONNABORTED, _gone(who))

    def __str__(self) -> str:
        return str(self.strerror)


class _Lifeline:
    """The connection to the coordinator, which says who is lost."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.lines = connection, connection.makefile("rb")
        self.child: subprocess.Popen[str] | None = None  # the coordinator itself, in process 0
        self.lost, self.failed, self.told = "", False, threading.Event()

    def hear(self) -> dict[str, Any]:
        """The next message; {} when the coordinator is gone."""
        try:
            return json.loads(self.lines.readline())
        except (OSError, ValueError):
            return {}

    def watch(self) -> None:
        """Until a message comes: a process that does not leave by itself then is ended, for it may wait for ever."""
        message = self.hear()
        self.lost = message.get("lost", "the coordinator beside process 0")
        self.told.set()
        time.sleep(_GRACE)
        os.write(2, f"jaxdl: {_gone(self.lost)}\n".encode())
        os._exit(1)

    def close(self) -> None:
        """Before anything has begun."""
        self.lines.close()
        self.connection.close()
        if self.child is not None:
            self.child.wait(10.0)

    def leave(self) -> None:
        """At the end of the program: in peace, or at once where others would be waited for in vain."""
        failed = self.failed or bool(self.lost) or getattr(sys, "last_value", None) is not None
        if not failed:
            coordinating.send(self.connection, done=True)
            return
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(exit_code)


_lifeline: _Lifeline | None = None
exit_code = 1
"""Of a process that has failed: it does not wait for the others."""


def join(
    coordinator: str, n_processes: int | None = None, process_id: int | None = None, timeout: float = 60.0
) -> None:
    """Become one of several processes; comes before anything that jax computes.

    Args:
        coordinator: "HOST:PORT" of process 0, a free port there; "auto" asks the environment of SLURM, Open MPI,
            Kubernetes or a cloud, as `jax.distributed.initialize` does.
        n_processes: how many there are; one is no different from not calling this.
        process_id: which one this is, from 0.
        timeout: seconds for all of them to come.
    Raises: ValueError for what cannot be, and where the others do not come in time.

    >>> join("localhost:9876", 2, 2)
    Traceback (most recent call last):
        ...
    ValueError: the process id must be a whole number from 0 to 1, for 2 processes, got 2
    """
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it would keep SIGTERM from those who save on it
    if coordinator == "auto":
        _detect(n_processes, process_id, timeout)
        return
    host, port = _check(coordinator, n_processes, process_id)
    if n_processes == 1 or n_processes is None or process_id is None:
        return
    child = _start_coordinator(port, n_processes, timeout) if process_id == 0 else None
    lifeline = _connect(host, port, timeout)
    lifeline.child = child
    coordinating.send(lifeline.connection, process=process_id, of=n_processes)
    answer = lifeline.hear()
    if "service" not in answer:
        lifeline.close()
        raise ValueError(f"coordinator {coordinator}: {answer.get('error', 'process 0 ended before all were there')}")
    _initialize(
        coordinator_address=f"{host}:{answer['service']}",
        num_processes=n_processes,
        process_id=process_id,
        cluster_detection_method="deactivate",
        coordinator_bind_address="127.0.0.1:0",  # nobody's: the coordinator beside process 0 has the service
        initialization_timeout=int(timeout) + 1,
        heartbeat_timeout_seconds=coordinating.HEARTBEAT,
        shutdown_timeout_seconds=2 * coordinating.HEARTBEAT,
    )
    global _lifeline
    _lifeline = lifeline
    threading.Thread(target=lifeline.watch, daemon=True).start()
    atexit.register(lifeline.leave)  # runs before jax's own, which would wait for the others


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Inside, what jax raises because another process is gone becomes `ProcessLost`.

    Whatever is raised marks this process as failed: it does not wait for the others when it ends.
    """
    try:
        yield
    except BaseException as error:
        if _lifeline is not None:
            _lifeline.failed = True
        if not isinstance(error, Exception) or isinstance(error, ConnectionAbortedError) or jax.process_count() == 1:
            raise
        if lost := _who_is_lost(error):
            raise ProcessLost(lost) from None
        raise


def _who_is_lost(error: Exception) -> str:
    """Which process is gone if this error comes from that; "" if it is another one."""
    text = str(error)
    about = any(word in text for word in ("Gloo", "NCCL", "UNAVAILABLE", "Connection", "coordination", "barrier"))
    if _lifeline is None:
        return "one of them" if about else ""
    if about:
        _lifeline.told.wait(5.0)
    return _lifeline.lost or ("one of them" if about else "")


def _gone(who: str) -> str:
    return f"another process of this run is gone ({who}); the run goes on from its last checkpoint, on as many or fewer"


def _check(coordinator: str, n: Any, process_id: Any) -> tuple[str, int]:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f'the coordinator must be "HOST:PORT" of process 0, or "auto", got {coordinator!r}')
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"the number of processes must be a whole number, at least 1, got {n!r}")
    if not isinstance(process_id, int) or not 0 <= process_id < n:
        raise ValueError(
            f"the process id must be a whole number from 0 to {n - 1}, for {n} processes, got {process_id!r}"
        )
    return host, int(port)


def _start_coordinator(port: int, n: int, timeout: float) -> "subprocess.Popen[str]":
    words = [sys.executable, "-P", str(Path(coordinating.__file__)), str(port), str(n), str(timeout)]
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with child.stdout or contextlib.nullcontext() as output:
        said = "" if output is None else output.readline().strip()
    if said != "ready":
        child.wait(10.0)
        raise ValueError(f"process 0 cannot listen on port {port}: {said or 'its coordinator ended'}")
    return child


def _connect(host: str, port: int, timeout: float) -> _Lifeline:
    until, why = time.monotonic() + timeout, ""
    while (left := until - time.monotonic()) > 0:
        try:
            connection = socket.create_connection((host, port), timeout=left)
            connection.settimeout(None)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return _Lifeline(connection)
        except OSError as error:
            why = error.strerror or str(error)
            if isinstance(error, socket.gaierror):
                break
            time.sleep(0.2)
    raise ValueError(f"no coordinator at {host}:{port} within {timeout:g} seconds ({why}): is process 0 running there?")


def _detect(n: int | None, process_id: int | None, timeout: float) -> None:
    """What the environment says; its errors are jax's, in one line."""
    seconds = int(timeout) + 1
    try:
        jax.distributed.initialize(
            num_processes=n,
            process_id=process_id,
            initialization_timeout=seconds,
            heartbeat_timeout_seconds=coordinating.HEARTBEAT,
            shutdown_timeout_seconds=2 * coordinating.HEARTBEAT,
        )
    except (ValueError, RuntimeError, TypeError, KeyError) as error:
        raise ValueError(
            f"coordinator auto: this environment says nothing of processes ({error}); name --coordinator HOST:PORT, "
            "--num-processes and --process-id"
        ) from None


def _initialize(**options: Any) -> None:
    try:
        jax.distributed.initialize(**options)
    except RuntimeError as error:
        raise ValueError(f"several processes: {error}") from None
