"""The server under test, driven as an operator drives it: a configuration file, the command line, signals."""

import json
import os
import re
import signal
import smtplib
import subprocess

from . import mariadb, processes


class Essaim:

    def __init__(self, folder, dns=None, smarthost=None, mx_port=25, delivery="", extra="", hostname="mx1.lists.example",
                 listen="", start=True, database=None, storage="", name="essaim", trust_anchor=None,
                 verify=None, authentication=""):
        """`database`: a URL for it; without one, an SQLite file. `name`: of its folder, where there are several.
        `verify`: whether it verifies what comes in; it does where it has a name server to ask."""
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.config = self.folder / "essaim.toml"
        self.database = self.folder / "essaim.db"
        self.smarthost = smarthost
        url = database or f"sqlite:{self.database}"
        text = (
            f'hostname = "{hostname}"\nstate = "{self.folder}/state"\npostmaster = "postmaster@site.example"\n'
            f'{extra}\n[storage]\nurl = "{url}"\n{storage}\n'
            f'[[listen]]\naddress = "127.0.0.1:0"\nrole = "mx"\n{listen}\n'
        )
        verify = bool(dns) if verify is None else verify
        text += f"[authentication]\nverify = {str(verify).lower()}\nprotect_authors = {str(verify).lower()}\n{authentication}\n"
        if dns:
            text += f'[dns]\nservers = ["{dns}"]\n'
        if trust_anchor:
            text += f'trust_anchor = "{trust_anchor}"\n'
        text += f"[delivery]\nport = {mx_port}\n{delivery}\n"
        if smarthost:
            text += f'smarthost = "{smarthost}"\n'
        self.config.write_text(text)
        (self.folder / "state").mkdir()
        self.process = None
        self.environment = {"ESSAIM_DATABASE_PASSWORD": mariadb.PASSWORD}  # of the server and of the command line
        if start:
            self.start()

    def start(self, same_ports=False):
        """`same_ports`: at those that it had, which others know."""
        if same_ports:
            for role, port in self.ports:
                self.config.write_text(self.config.read_text().replace('address = "127.0.0.1:0"', f'address = "127.0.0.1:{port}"', 1))
        offset = len(self.process.output()) if self.process else 0
        self.process = processes.Process("essaim", [processes.BUILD / "essaim", "serve", "--config", self.config], self.log,
                                         env=self.environment)

        def listening():
            found = re.findall(r"listening address=\S+:(\d+) role=(\w+)", self.process.output()[offset:])
            return len(found) == self.config.read_text().count("[[listen]]") and found or not self.process.running()

        found = processes.wait_for("essaim to listen", listening)
        assert self.process.running(), self.process.output()[-3000:]
        self.ports = [(role, int(port)) for port, role in found]
        self.port = self.ports[0][1]
        return self

    def port_of(self, role):
        return next(port for its_role, port in self.ports if its_role == role)

    def kill(self):
        self.process.send(signal.SIGKILL)
        self.process.process.wait()

    def stop(self):
        if self.process is None:
            return 0
        self.process.send(signal.SIGCONT)
        if "drain_notice" in self.config.read_text() and self.process.running():
            # The first signal begins the notice; the one of stop() ends it.
            noticed = self.process.output().count(" draining ")
            self.process.send(signal.SIGTERM)
            processes.wait_for("the notice", lambda: not self.process.running() or self.process.output().count(" draining ") > noticed)
        status = self.process.stop()
        # A program built with sanitizers tells on its standard error what it found, leaks at its end.
        output = self.process.output()
        found = re.search(r"Sanitizer|runtime error:", output)
        assert not found, output[max(0, found.start() - 200):found.start() + 4000]
        return status

    def run(self, *arguments, check=True, stdin=None):
        """The command line; gives what it printed."""
        result = subprocess.run(
            [str(processes.BUILD / "essaim"), *[str(a) for a in arguments], "--config", str(self.config)],
            input=stdin, capture_output=True, text=True, timeout=120, env={**os.environ, **self.environment},
        )
        if check and result.returncode != 0:
            raise AssertionError(f"essaim {' '.join(map(str, arguments))}: {result.returncode}\n{result.stdout}{result.stderr}")
        self.last = result
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def make_list(self, address, members, **settings):
        self.run("domain", "create", address.partition("@")[2], check=False)
        self.run("list", "create", address, "--owner", "owner@people.example")
        if settings:
            self.run("list", "set", address, *[f"{key}={value}" for key, value in settings.items()])
        if members:
            self.run("member", "add", address, "--file", "-", stdin="\n".join(members) + "\n")

    def client(self):
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=120)

    def post(self, sender, recipients, message):
        """Sends text (its lines will end with CRLF) or bytes as they are; gives the last reply as (code, text)."""
        if isinstance(message, str):
            message = message.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        if isinstance(recipients, str):
            recipients = [recipients]
        with self.client() as client:
            client.ehlo()
            code, text = client.mail(sender)
            if code >= 400:
                return code, text.decode()
            accepted = 0
            for recipient in recipients:
                code, text = client.rcpt(recipient)
                accepted += code < 400
            if not accepted:
                return code, text.decode()
            code, text = client.data(message)
            return code, text.decode()

    def queue_id(self, reply):
        return re.search(r"queued as (\w+)", reply[1]).group(1)

    def wait_finished(self, queue_id, timeout=processes.PATIENCE):
        """Waits until the ledger has nothing pending and gives it."""

        def finished():
            ledger = self.json("post", "show", queue_id)
            return ledger if ledger["counts"]["pending"] == 0 and ledger["counts"]["accepted"] > 0 else None

        return processes.wait_for(f"post {queue_id} to be finished", finished, timeout, every=0.1)


def message(sender, to, subject="Bees", body="The swarm moves on.\n", message_id=None, extra=""):
    import uuid

    message_id = message_id or f"<{uuid.uuid4()}@client.example>"
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: {message_id}\r\n"
        f"Date: Sun, 22 Nov 2026 18:52:04 +0000\r\n{extra}\r\n{body}".replace("\r\n", "\n").replace("\n", "\r\n")
    )
