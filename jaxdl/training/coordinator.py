"""The coordinator of several processes: a small one beside process 0, so that the end of any of them is told to all.

A worker connects and says which process it is; when all are there, each hears where jax's own service listens. The
connections stay open. A worker that leaves says "done"; one whose connection ends without it is lost, and the others
hear which. One JSON object a line:

    worker -> coordinator    {"process": 1, "of": 2}           then, at its end, {"done": true}
    coordinator -> worker    {"service": PORT}, {"error": "..."} or {"lost": "process 1 on HOST"}

`jaxdl.training.processes` starts this file as a program and holds the other end. Only the standard library is needed
until jax's service begins.
"""

import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time
from typing import Any

HEARTBEAT = 30  # seconds without a sign of life after which jax's service gives a process up
_LINGER = 20.0  # seconds for the others to leave after one is lost

_Message = tuple[socket.socket, dict[str, Any] | None]


def send(connection: socket.socket, **message: Any) -> None:
    """One message; nothing if the other end is gone."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(message).encode() + b"\n")


def serve(listener: socket.socket, n: int, timeout: float, port: int) -> None:
    """Bring n processes together, then watch them until all are done.

    Args:
        listener: the bound socket to which they connect.
        n: how many there are.
        timeout: seconds for all of them to come.
        port: where jax's service listens for them.
    """
    messages: queue.Queue[_Message] = queue.Queue()
    threading.Thread(target=_accept, args=(listener, messages), daemon=True).start()
    workers = _gather(messages, n, time.monotonic() + timeout)
    if workers is None:
        return
    for connection in workers.values():
        send(connection, service=port)
    names = {connection: f"process {i} on {_host(connection)}" for i, connection in workers.items()}
    done: set[socket.socket] = set()
    until = float("inf")
    while names and time.monotonic() < until:
        with contextlib.suppress(queue.Empty):
            connection, message = messages.get(timeout=1.0)
            if message is not None:
                done.add(connection)
            elif (name := names.pop(connection, None)) and connection not in done:
                until = min(until, time.monotonic() + _LINGER)
                for other in names:
                    send(other, lost=name)


def _gather(messages: "queue.Queue[_Message]", n: int, until: float) -> dict[int, socket.socket] | None:
    """Process -> its connection, when all n are there; None after every one has been told what is wrong."""
    workers: dict[int, socket.socket] = {}
    wrong = ""
    while len(workers) < n and not wrong:
        try:
            connection, message = messages.get(timeout=max(until - time.monotonic(), 0.0))
        except queue.Empty:
            missing = ", ".join(str(i) for i in range(n) if i not in workers)
            wrong = f"{len(workers)} of {n} processes came in time; missing: process {missing}"
            break
        if message is None:
            gone = [i for i, other in workers.items() if other is connection]
            wrong = f"process {gone[0]} ended before all {n} were there" if gone else ""
            continue
        i, of = int(message.get("process", -1)), message.get("of")
        if of != n:
            wrong = f"process {i} was told of {of} processes, process 0 of {n}"
        elif i in workers:
            wrong = f"there are two processes with the number {i}"
        else:
            workers[i] = connection
            continue
        send(connection, error=wrong)
    for connection in workers.values() if wrong else ():
        send(connection, error=wrong)
    return None if wrong else workers


def _accept(listener: socket.socket, messages: "queue.Queue[_Message]") -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        threading.Thread(target=_read, args=(connection, messages), daemon=True).start()


def _read(connection: socket.socket, messages: "queue.Queue[_Message]") -> None:
    """Every line of a connection as a message, and None at its end."""
    known = False
    try:
        with connection.makefile("rb") as file:
            for line in file:
                message = json.loads(line)
                known = True
                messages.put((connection, message))
    except (OSError, ValueError):
        pass
    if known:  # a stranger who knocked and left is not a worker that is lost
        messages.put((connection, None))


def _host(connection: socket.socket) -> str:
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return "an unknown host"


def main() -> None:
    """coordinator.py PORT N SECONDS: listen, write "ready" (or what is wrong) on standard output, and serve."""
    port, n, timeout = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    try:
        listener = socket.create_server(("", port), backlog=max(n, 128))
        with socket.create_server(("", 0)) as free:
            service_port = free.getsockname()[1]
    except OSError as error:
        print(error.strerror, flush=True)
        return
    from jaxlib import _jax  # type: ignore[attr-defined]

    options = {"heartbeat_timeout": HEARTBEAT, "shutdown_timeout": 2 * HEARTBEAT}
    service = _jax.get_distributed_runtime_service(f"[::]:{service_port}", n, **options)
    print("ready", flush=True)
    serve(listener, n, timeout, service_port)
    del service
    os._exit(0)


if __name__ == "__main__":
    main()
