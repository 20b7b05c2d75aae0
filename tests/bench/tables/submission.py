"""What TLS and logins cost: handshakes with clients, logins, and messages that are submitted beside the same ones by plain SMTP."""

import contextlib
import subprocess

from harness import essaim_node, machine, meter
from support import authority, postfix, processes

NAME = "submission"
ADDRESS, PASSWORD = "author@client.example", "correct horse battery staple"
SESSIONS = 20


def author(bench, group, port, count, *options):
    """One run of essaim-author against a server in that group; the sample, and how busy others kept the machine."""
    load_before = machine.wait_for_quiet(bench.options.patience)
    others, cpu = machine.Others([group]), group.cpu()
    client = meter.Group("author")
    with client.starting():
        process = subprocess.Popen(
            [str(part) for part in (processes.BUILD / "essaim-author", "--to", f"127.0.0.1:{port}", "--sessions", SESSIONS,
                                    "--count", count, *options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, errors = process.communicate(timeout=900)
    client.close()
    if process.returncode != 0:
        raise AssertionError(f"essaim-author: {out}{errors}")
    said = {key: float(value) for key, value in (part.split("=") for part in out.split())}
    share = others.share(said["cpu_s"])
    cpu = group.cpu() - cpu
    sample = {"rate": said["rate"], "cpu_us": cpu / said["done"] * 1e6, "p50_ms": said["p50_ms"], "p99_ms": said["p99_ms"]}
    return sample, load_before, share


LOGIN = ("--login", "author", "--password", PASSWORD, "--mechanism")
TLS = ("--tls", "starttls")
# Variant, role of the listener, connections or messages, options of essaim-author.
HANDSHAKES = [
    ("no TLS", "mx", 20_000, ()),
    ("STARTTLS, full handshake", "mx", 10_000, TLS),
    ("STARTTLS, resumed", "mx", 10_000, (*TLS, "--resume")),
]
LOGINS = [
    ("login by PLAIN, verified each time", "submission", 400, (*TLS, *LOGIN, "PLAIN"), "0s"),
    ("login by PLAIN, remembered", "submission", 5_000, (*TLS, *LOGIN, "PLAIN"), "5m"),
    ("login by SCRAM-SHA-256", "submission", 5_000, (*TLS, *LOGIN, "SCRAM-SHA-256"), "5m"),
]


class Submission:
    NAME = NAME
    HELP = "connections with TLS and logins; messages that are submitted, beside the same ones in clear: 20 sessions at a time"

    @staticmethod
    def run(bench):
        with bench.folder() as folder:
            pem = authority.Authority(folder).issue("server", ["mx1.lists.example"])
            for _ in range(bench.rounds):
                for remember in ("0s", "5m"):
                    Submission._essaim(bench, pem, remember)
                if "postfix" in bench.options.peers:
                    Submission._postfix(bench, pem)

    @staticmethod
    def _essaim(bench, pem, remember):
        listen = f'certificate = "{pem}"\n' + "".join(
            f'[[listen]]\naddress = "127.0.0.1:0"\nrole = "{role}"\ncertificate = "{pem}"\n' for role in ("submission", "submissions"))
        with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                bench.node(folder, 1, smarthost=sink.smarthost, listen=listen,
                           extra=f'[submission]\nremember_passwords = "{remember}"\n')) as node:
            node.server.run("destination", "suspend", "d0.example", "--reason", "bench")
            node.server.run("account", "create", "author", "--address", ADDRESS, stdin=PASSWORD + "\n")

            def row(variant, role, count, options):
                sample = author(bench, node.group, node.server.port_of(role), bench.scaled(count), *options)
                bench.figures.add(NAME, variant, "essaim", *sample)

            for *what, wanted in LOGINS:
                if wanted == remember:
                    row(*what)
            message = ("--from", ADDRESS, "--rcpt", essaim_node.LIST, "--size", bench.size)
            many = ("--per-connection", 100)
            if remember == "0s":
                row("message: a connection and a login by PLAIN each, verified each time", "submission", 400,
                    (*TLS, *LOGIN, "PLAIN", *message))
                return
            for variant, role, count, options in HANDSHAKES:
                row(variant, role, count, options)
            row("message: a connection each, no TLS, no login", "mx", 5_000, message)
            row("message: a connection with TLS each, no login", "mx", 5_000, (*TLS, *message))
            row("message: a connection and a login by PLAIN each, remembered", "submission", 5_000, (*TLS, *LOGIN, "PLAIN", *message))
            row("message: 100 on a connection, no TLS, no login", "mx", 20_000, (*message, *many))
            row("message: 100 on a connection with TLS and a login by PLAIN", "submission", 20_000,
                (*TLS, *LOGIN, "PLAIN", *message, *many))

    @staticmethod
    def _postfix(bench, pem):
        """The same connections with Postfix, whose processes are warm by then."""
        with bench.folder() as folder, contextlib.closing(meter.Group("postfix")) as group:
            port = processes.free_port()
            with group.starting():
                server = postfix.Postfix(folder, "127.0.0.1", port, domains=("lists.example",), tls=pem,
                                         extra="smtpd_tls_session_cache_database =\nsmtpd_client_connection_rate_limit = 0\n")
            group.root = server.process.pid
            with bench.running(server):
                author(bench, group, port, bench.scaled(500), *TLS)
                for variant, _, count, options in HANDSHAKES:
                    bench.figures.add(NAME, variant, "postfix", *author(bench, group, port, bench.scaled(count), *options))
