"""The other side: essaim-sink, see tests/tools/sink/sink.cc."""

import collections
import email
import email.policy
import pathlib
import signal

from . import processes

Receipt = collections.namedtuple("Receipt", "time recipient sender octets address transaction message_id")


class Sink:
    name = "sink"

    def __init__(self, folder, listen=("127.0.0.1:0",), rules=(), keep=True, options=(), receipts=True, commands=False):
        self.folder = folder / f"sink-{len(list(folder.glob('sink-*')))}"
        self.folder.mkdir()
        self._keep = self.folder / "kept"
        self._keep.mkdir()
        self.receipts_file = self.folder / "receipts"
        self.log = self.folder / "log"
        ports = self.folder / "ports"
        self.commands_file = self.folder / "commands"
        command = [processes.BUILD / "essaim-sink", "--port-file", ports]
        if receipts:
            command += ["--log", self.receipts_file]
        for address in listen:
            command += ["--listen", address]
        if keep:
            command += ["--keep", self._keep]
        command += ["--commands", self.commands_file] if commands else []
        for rule in rules:
            command += ["--on", rule]
        self.process = processes.Process("sink", command + list(options), self.log)
        processes.wait_for("the sink", lambda: ports.exists() or not self.process.running())
        assert self.process.running(), self.process.output()
        self.addresses = ports.read_text().split()
        self.port = int(self.addresses[0].rpartition(":")[2])

    def receipts(self):
        return list(self.each_receipt())

    def each_receipt(self):
        """One by one: there may be millions."""
        if not self.receipts_file.exists():
            return
        with open(self.receipts_file, encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:
                if line.endswith("\n") and line.count(" ") == 6:
                    yield Receipt(*line[:-1].split(" "))

    def commands(self):
        """With commands=True: (address of the sink, address of the client, line) of each."""
        if not self.commands_file.exists():
            return []
        return [tuple(line.split(" ", 2)) for line in self.commands_file.read_text(errors="replace").splitlines()]

    def recipients(self):
        """How often each recipient was acknowledged."""
        return collections.Counter(receipt.recipient for receipt in self.receipts())

    def wait_for(self, count, timeout=processes.PATIENCE):
        return processes.wait_for(f"{count} receipts", lambda: len(self.receipts()) >= count and self.receipts(), timeout)

    def message_bytes(self, receipt):
        return pathlib.Path(self._keep / f"{receipt.transaction}.eml").read_bytes()

    def message(self, receipt):
        """As Python's parser reads it."""
        return email.message_from_bytes(self.message_bytes(receipt), policy=email.policy.default)

    def stop(self):
        self.process.send(signal.SIGCONT)
        self.process.stop()
