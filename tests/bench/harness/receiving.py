"""The sink that all contenders send to: one process, counted apart from them."""

import signal

from support import processes, sink

from . import meter


class Receiving:
    """On one address (a smart host), or on many with one port (MX hosts)."""

    def __init__(self, folder, addresses=1, more=(), rules=(), options=(), receipts=False):
        """`more`: further addresses to listen on, which `ips` does not name."""
        port = processes.free_port("127.0.1.1")
        self.ips = [f"127.0.{1 + i // 250}.{1 + i % 250}" for i in range(addresses)]
        self.group = meter.Group("sink")
        with self.group.starting():
            self.sink = sink.Sink(folder, listen=[f"{ip}:{port}" for ip in [*self.ips, *more]], rules=rules, keep=False,
                                  options=options, receipts=receipts)
        self.group.root = self.sink.process.pid
        self.port = port
        self.smarthost = f"{self.ips[0]}:{port}"
        self._shown = self.sink.log.stat().st_size

    def counters(self):
        self.sink.process.send(signal.SIGUSR1)
        processes.wait_for("the sink's counters", self._more, every=0.005)
        return {key: int(value) for key, value in (part.split("=") for part in self._last.split())}

    def _more(self):
        text = self.sink.log.read_bytes()[self._shown:]
        if not text.endswith(b"\n"):
            return False
        self._shown += len(text)
        self._last = text.decode().splitlines()[-1]
        return True

    def wait(self, recipients, patience, every=0.1):
        """Until it has acknowledged so many in all; gives the counters, `last_ms` among them."""
        return processes.wait_for(f"{recipients} recipients", lambda: self._enough(recipients), patience, every)

    def _enough(self, recipients):
        now = self.counters()
        return now if now["recipients"] >= recipients else None

    def stop(self):
        self.sink.stop()
        self.group.close()
