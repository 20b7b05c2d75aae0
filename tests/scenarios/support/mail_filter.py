"""A mail filter on libmilter (python3-milter), which does what the messages that it is shown ask for, and notes what it is told."""

import json
import os
import pathlib
import signal
import sys

from . import processes


class Filter:
    """Does at the end of each message what its fields X-Ask say. `notes()`: what it was told, a dictionary for each message."""

    name = "filter"

    def __init__(self, folder, name="judge", path=None, port=None, steps="all"):
        """Listens at a path, or a port; without either, at a free one. `steps`: "few" of them are asked for."""
        self.folder = folder / name
        self.folder.mkdir(exist_ok=True)
        self.port = None if path else port or processes.free_port()
        self.address = f"unix:{path}" if path else f"127.0.0.1:{self.port}"
        socket = self.address if path else f"inet:{self.port}@127.0.0.1"
        self.log = self.folder / "out"
        self.told = self.folder / "told"
        self.told.touch()
        root = processes.NEIGHBOURS / "milter"
        libraries = ":".join(str(path) for path in (root / "usr/lib").glob("*-linux-gnu"))
        self.process = processes.Process(
            name, [sys.executable, pathlib.Path(__file__).with_name("mail_filter_program.py"), socket, self.told, steps], self.log,
            env={**os.environ, "PYTHONPATH": str(root / "usr/lib/python3/dist-packages"), "LD_LIBRARY_PATH": libraries})
        ready = (lambda: processes.accepts_connections("127.0.0.1", self.port)) if self.port else (
            lambda: os.path.exists(path))
        processes.wait_for(name, lambda: ready() or not self.process.running())
        assert self.process.running(), self.process.output()

    def notes(self):
        return [json.loads(line) for line in self.told.read_text().splitlines()]

    def stop(self):
        # libmilter looks only every five seconds whether it is to end, and has nothing to lose.
        return self.process.stop(signal.SIGKILL)
