"""What TLS and logins cost: handshakes with clients, logins, and messages that are submitted beside the same ones by plain SMTP."""

import contextlib
import subprocess

from harness import essaim_node, machine, meter
from support import authority, postfix, processes

NAME = "submission"
ADDRESS, PASSWORD = "author@client.example", "correct horse battery staple"
SESSIONS, SECONDS = 20, 4.0

TLS = ("--tls", "starttls")
PLAIN = (*TLS, "--login", "author", "--password", PASSWORD, "--mechanism", "PLAIN")
SCRAM = (*TLS, "--login", "author", "--password", PASSWORD, "--mechanism", "SCRAM-SHA-256")
MESSAGE = ("--from", ADDRESS, "--rcpt", essaim_node.LIST)
MANY = ("--per-connection", 100)
# Variant, role of the listener, options of essaim-author. Those before VERIFIED with passwords that are remembered.
ROWS = [
    ("no TLS", "mx", ()),
    ("STARTTLS, full handshake", "mx", TLS),
    ("STARTTLS, resumed", "mx", (*TLS, "--resume")),
    ("login by PLAIN, remembered", "submission", PLAIN),
    ("login by SCRAM-SHA-256", "submission", SCRAM),
    ("message: a connection each, no TLS, no login", "mx", MESSAGE),
    ("message: a connection with TLS each, no login", "mx", (*TLS, *MESSAGE)),
    ("message: a connection and a login by PLAIN each, remembered", "submission", (*PLAIN, *MESSAGE)),
    ("message: 100 on a connection, no TLS, no login", "mx", (*MESSAGE, *MANY)),
    ("message: 100 on a connection with TLS and a login by PLAIN", "submission", (*PLAIN, *MESSAGE, *MANY)),
]
VERIFIED = [
    ("login by PLAIN, verified each time", "submission", PLAIN),
    ("message: a connection and a login by PLAIN each, verified each time", "submission", (*PLAIN, *MESSAGE)),
]
# What is the same for who remembers nothing.
SAME = dict(zip((ROWS[3][0], ROWS[7][0]), (variant for variant, *_ in VERIFIED)))


def author(bench, group, port, *options, amount=None):
    """One run of essaim-author against a server in that group; the sample, and how busy others kept the machine."""
    load_before = machine.wait_for_quiet(bench.options.patience)
    others, cpu = machine.Others([group]), group.cpu()
    client = meter.Group("author")
    amount = amount or ("--seconds", max(0.5, SECONDS * bench.options.scale))
    with client.starting():
        process = subprocess.Popen(
            [str(part) for part in (processes.BUILD / "essaim-author", "--to", f"127.0.0.1:{port}", "--sessions", SESSIONS,
                                    "--size", bench.size, *amount, *options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, errors = process.communicate(timeout=120)
    client.close()
    if process.returncode != 0:
        raise AssertionError(f"essaim-author: {out}{errors}")
    said = {key: float(value) for key, value in (part.split("=") for part in out.split())}
    share = others.share(said["cpu_s"])
    cpu = group.cpu() - cpu
    sample = {"rate": said["rate"], "cpu_us": cpu / said["done"] * 1e6, "p50_ms": said["p50_ms"], "p99_ms": said["p99_ms"],
              "resumed": said["resumed"] / said["done"] if "--resume" in options else None}
    return sample, load_before, share


class Submission:
    NAME = NAME
    HELP = "connections with TLS and logins; messages that are submitted, beside the same ones in clear: 20 sessions at a time"

    @staticmethod
    def run(bench):
        peer = "postfix" in bench.options.peers
        if peer:
            bench.say("Postfix judges logins by Cyrus SASL's sasldb, which keeps passwords in clear: no hash is computed for PLAIN, "
                      "so its rows with and without a memory are the same.")
        with bench.folder() as folder:
            pem = authority.Authority(folder).issue("server", ["mx1.lists.example"])
            for _ in range(bench.rounds):
                Submission._essaim(bench, pem, "5m", ROWS)
                Submission._essaim(bench, pem, "0s", VERIFIED)
                if peer:
                    Submission._postfix(bench, pem)

    @staticmethod
    def _essaim(bench, pem, remember, rows):
        listen = f'certificate = "{pem}"\n[[listen]]\naddress = "127.0.0.1:0"\nrole = "submission"\ncertificate = "{pem}"\n'
        with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                bench.node(folder, 1, smarthost=sink.smarthost, listen=listen,
                           extra=f'[submission]\nremember_passwords = "{remember}"\n')) as node:
            node.server.run("queue", "suspend", "--reason", "bench")
            node.server.run("account", "create", "author", "--address", ADDRESS, stdin=PASSWORD + "\n")
            # What is remembered was verified before.
            author(bench, node.group, node.server.port_of("submission"), *PLAIN, amount=("--count", 1))
            for variant, role, options in rows:
                sample = author(bench, node.group, node.server.port_of(role), *options)
                bench.figures.add(NAME, variant, "essaim", *sample)

    @staticmethod
    def _postfix(bench, pem):
        """The same with Postfix, whose processes are warm by then. What it takes stays in its queue."""
        with bench.folder() as folder, contextlib.closing(meter.Group("postfix")) as group:
            port = processes.free_port()
            with group.starting():
                server = postfix.Postfix(folder, "127.0.0.1", port, domains=("lists.example",), tls=pem,
                                         accounts={"author": PASSWORD}, extra=(
                                             "in_flow_delay = 0\nsmtpd_recipient_restrictions = check_client_access static:HOLD, "
                                             "permit_sasl_authenticated, permit_mynetworks, reject\n"))
            group.root = server.process.pid
            with bench.running(server):
                author(bench, group, port, *TLS, amount=("--count", 500))
                for variant, _, options in ROWS:
                    sample = author(bench, group, port, *options)
                    for one in (variant, SAME.get(variant)):
                        if one:
                            bench.figures.add(NAME, one, "postfix", *sample)
