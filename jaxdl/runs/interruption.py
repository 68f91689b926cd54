"""Signals that ask a run to end: it saves at the next step and leaves; a second Ctrl-C leaves at once."""

import contextlib
import os
import signal
import socket
import sys
import threading
from types import FrameType
from typing import Any

from jaxdl.training import PAUSE, Event

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(BaseException):
    """A run was asked to end. The message says how to go on; `signal` says who asked."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.signal = number


class Interruption:
    """SIGINT, SIGTERM and SIGHUP inside of its `with` block; elsewhere than in the main thread nothing changes.

    While `callback` sees steps, a signal waits for the end of the step and pauses the run; at any other time it raises
    `Interrupted` there. Signals that the process ignores (`nohup`) stay ignored. Python hands a signal to its handler
    only between two of its own instructions, and a compiled call may take seconds: so the second Ctrl-C is heard by a
    thread that reads the numbers of the signals from a socket, into which the system's handler writes them.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._stepping = False
        self._before: dict[int, Any] = {}

    def callback(self, event: Event) -> str | None:
        """Pause the run after the step in which a signal came."""
        if event.kind in ("end", "abort"):
            self._stepping = False
            if event.kind == "end" and self.signal is not None:
                raise Interrupted(self.signal, "")
        elif event.kind == "begin":
            self._stepping = True
        return PAUSE if self.signal is not None and event.kind in ("step", "epoch") else None

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {n: signal.getsignal(n) for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN}
            for number in self._before:
                signal.signal(number, self._handle)
            reading, self._writing = socket.socketpair()
            self._writing.setblocking(False)
            self._wakeup = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
            threading.Thread(target=self._listen, args=(reading,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            signal.set_wakeup_fd(self._wakeup)
            self._writing.close()
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        first, self.signal = self.signal is None, self.signal or number
        if not self._stepping:
            raise Interrupted(self.signal, "")
        if first:
            say("interrupted: saving after this step; Ctrl-C again leaves at once")

    def _listen(self, reading: socket.socket) -> None:
        heard = b""
        with reading:
            while numbers := reading.recv(64):
                for number in numbers:
                    if heard and number == signal.SIGINT:
                        say("left at once")
                        os._exit(128 + signal.SIGINT)
                    heard += bytes([number]) if number in self._before else b""


def say(message: str) -> None:
    """One line on standard error, and the cursor that a progress bar hides; a terminal that is gone hears nothing."""
    with contextlib.suppress(OSError, ValueError):
        cursor = "\r\x1b[2K\x1b[?25h" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{cursor}jaxdl: {message}\n")
        sys.stderr.flush()
