"""A name server: NSD with zones written for the scenario."""

import signal
import subprocess

from . import processes


class NameServer:
    name = "nsd"

    def __init__(self, folder, zones, signed=(), spoilt=(), overdue=(), host="127.0.0.1"):
        """zones: {"example": "a.example. 60 IN MX 10 mx.a.example.\\n..."}; SOA and NS are added. Zones that are signed
        (by ldns-signzone) have their DS records in `trust_anchor`; what is spoilt, (text, other text), is replaced behind
        the signature. Signatures of those that are overdue as well ended long ago."""
        self.folder = folder / "nsd"
        self.folder.mkdir()
        self.host, self.port = host, processes.free_port(host)
        self.address = f"{host}:{self.port}"
        self.log = self.folder / "log"
        self._serial = 1
        self._signed = {zone: self._make_key(zone) for zone in signed}
        self._spoilt, self._overdue = spoilt, overdue
        self._zones = dict(zones)
        self._write()
        self._start()

    @property
    def trust_anchor(self):
        file = self.folder / "trust-anchor"
        file.write_text("".join((self.folder / f"{key}.ds").read_text() for key in self._signed.values()))
        file.chmod(0o644)
        return file

    def _make_key(self, zone):
        made = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", zone], cwd=self.folder,
                              check=True, capture_output=True, text=True)
        return made.stdout.strip()

    def _sign(self, zone, path):
        signed = path.with_suffix(".signed")
        times = ["-i", "20200101000000", "-e", "20200201000000"] if zone in self._overdue else []
        subprocess.run(["ldns-signzone", *times, "-f", signed, path, self._signed[zone]], cwd=self.folder, check=True,
                       capture_output=True)
        text = signed.read_text()
        for old, new in self._spoilt:
            text = text.replace(old, new)
        path.write_text(text)

    def _write(self):
        lines = [
            "server:",
            f"  ip-address: {self.host}@{self.port}",
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
            if zone in self._signed:
                self._sign(zone, path)
            lines += ["zone:", f"  name: {zone}", f"  zonefile: {path}"]
        (self.folder / "nsd.conf").write_text("\n".join(lines) + "\n")

    def _start(self):
        self.process = processes.Process("nsd", ["/usr/sbin/nsd", "-d", "-c", self.folder / "nsd.conf"], self.log)
        processes.wait_for("nsd", lambda: processes.accepts_connections(self.host, self.port) or not self.process.running())
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
