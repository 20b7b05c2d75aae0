"""A name server: NSD with zones written for the scenario."""

import signal

from . import processes


class NameServer:
    name = "nsd"

    def __init__(self, folder, zones):
        """zones: {"example": "a.example. 60 IN MX 10 mx.a.example.\\n..."}; SOA and NS are added."""
        self.folder = folder / "nsd"
        self.folder.mkdir()
        self.port = processes.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = self.folder / "log"
        self._serial = 1
        self._zones = dict(zones)
        self._write()
        self._start()

    def _write(self):
        lines = [
            "server:",
            f"  ip-address: 127.0.0.1@{self.port}",
            f"  port: {self.port}",
            f"  zonesdir: {self.folder}",
            f"  pidfile: {self.folder}/pid",
            f"  database: ''",
            f"  zonelistfile: {self.folder}/zone.list",
            f"  xfrdfile: {self.folder}/xfrd.state",
            f"  xfrdir: {self.folder}",
            '  username: ""',
            "  server-count: 1",
            "  rrl-ratelimit: 0",
            "remote-control:",
            "  control-enable: no",
        ]
        for zone, records in self._zones.items():
            path = self.folder / f"{zone}.zone"
            path.write_text(
                f"$ORIGIN {zone}.\n$TTL 60\n@ IN SOA ns.{zone}. hostmaster.{zone}. {self._serial} 60 60 60 5\n"
                f"@ IN NS ns.{zone}.\nns.{zone}. IN A 127.0.0.1\n{records}\n"
            )
            lines += ["zone:", f"  name: {zone}", f"  zonefile: {path}"]
        (self.folder / "nsd.conf").write_text("\n".join(lines) + "\n")

    def _start(self):
        self.process = processes.Process("nsd", ["/usr/sbin/nsd", "-d", "-c", self.folder / "nsd.conf"], self.log)
        processes.wait_for("nsd", lambda: processes.accepts_connections("127.0.0.1", self.port) or not self.process.running())
        assert self.process.running(), self.process.output()

    def change(self, zones):
        """Takes other records."""
        self._zones.update(zones)
        self._serial += 1
        self._write()
        self.process.stop()
        self._start()

    def pause(self):
        """Silent from now on: neither answers nor refusals."""
        self.process.send_to_all(signal.SIGSTOP)

    def go_on(self):
        self.process.send_to_all(signal.SIGCONT)

    def stop(self):
        self.process.send_to_all(signal.SIGCONT)
        self.process.stop()
