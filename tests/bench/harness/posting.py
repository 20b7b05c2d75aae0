"""The client that posts (essaim-source): in a group of its own, with the instants of the acknowledgements."""

import subprocess

from support import processes

from . import meter


class Posting:
    """One run of essaim-source; `instants` are the times of the 250s in seconds, `summary` its own figures."""

    def __init__(self, folder, port, messages=1, sessions=1, size=4096, recipients=(), rcpt_file=None, each=1,
                 mail_parameters="", fields=None, sender="author@client.example"):
        log = folder / "posted"
        log.unlink(missing_ok=True)
        command = [processes.BUILD / "essaim-source", "--to", f"127.0.0.1:{port}", "--from", sender, "--messages", messages,
                   "--sessions", sessions, "--size", size, "--each", each, "--per-connection", 1000, "--log", log]
        for recipient in recipients:
            command += ["--rcpt", recipient]
        if rcpt_file:
            command += ["--rcpt-file", rcpt_file]
        if mail_parameters:
            command += ["--mail-parameters", mail_parameters]
        if fields:
            command += ["--fields", fields]
        self.group = meter.Group("client")
        with self.group.starting():
            process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True)
        out, errors = process.communicate(timeout=600)
        self.cpu = self.group.cpu()
        self.group.close()
        if process.returncode != 0:
            raise AssertionError(f"essaim-source: {out}{errors}")
        self.summary = {key: float(value) for key, value in (part.split("=") for part in out.split())}
        lines = log.read_text().splitlines()
        self.instants = sorted(int(line.split(" ", 1)[0]) / 1000 for line in lines)
        self.replies = [line.split(" ", 4)[4] for line in lines]
