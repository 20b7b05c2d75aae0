"""How the figures change with one thing at a time."""

import sqlite3
import subprocess
import threading

from harness import dns, postfix_relay

from . import acceptance

ONLY = ("rate", "cpu_us", "peak_mb")
ACCEPTING = 20  # sessions, where acceptance is measured beside


class Loops:
    NAME = "loops"
    HELP = "event loops: 1 and 2; copies, and durable acceptance by 20 sessions"

    @staticmethod
    def run(bench):
        members = bench.scaled(100_000)
        for envelope in ("personal", "common"):
            for _ in range(bench.rounds):
                for loops in (1, 2):
                    bench.essaim_run(Loops.NAME, f"{envelope}, loops = {loops}", members=members, envelope=envelope,
                                     extra=f"loops = {loops}", only=ONLY)
        for _ in range(bench.rounds):
            for loops in (1, 2):
                with acceptance.made_node(bench, extra=f"loops = {loops}") as (node, sink, folder):
                    sample = acceptance.accept(bench, node, sink, folder, bench.scaled(30_000), ACCEPTING)
                bench.figures.add(Loops.NAME, f"accepted, loops = {loops}", "essaim", *sample)


class Sizes:
    NAME = "sizes"
    HELP = "messages of 1 KB to 10 MB: personal copies, and durable acceptance by 20 sessions"

    @staticmethod
    def run(bench):
        # Members, and messages that are accepted: some hundred MB at most, which all lie in the database.
        for size, count, accepted in ((1 << 10, 100_000, 30_000), (4 << 10, 100_000, 30_000), (64 << 10, 20_000, 6_000),
                                      (1 << 20, 2_000, 400), (10 << 20, 200, 40)):
            members = bench.scaled(count)
            variant = f"{size >> 10:,} KB, {members:,} members"
            for _ in range(bench.rounds):
                bench.bare_run(Sizes.NAME, variant, members, 1, size=size)
                bench.essaim_run(
                    Sizes.NAME, variant, members=members, size=size, only=(*ONLY, "megabytes_s"),
                    delivery="", derive=lambda sample, size=size: {"megabytes_s": sample["rate"] * size / 1e6})
            messages = bench.scaled(accepted)
            for _ in range(bench.rounds):
                with acceptance.made_node(bench) as (node, sink, folder):
                    sample, load_before, share = acceptance.accept(bench, node, sink, folder, messages, ACCEPTING, size=size)
                sample["megabytes_s"] = sample["rate"] * size / 1e6
                bench.figures.add(Sizes.NAME, f"{size >> 10:,} KB, {messages:,} accepted", "essaim", sample, load_before, share)


class PerTransaction:
    NAME = "recipients"
    HELP = "recipients in a transaction: 1 to 1,000, identical copies"

    @staticmethod
    def run(bench):
        members = bench.scaled(100_000)
        for count in (1, 10, 50, 100, 1000):
            for _ in range(bench.rounds):
                variant = f"{count:,} in a transaction"
                bench.bare_run(PerTransaction.NAME, variant, members, count)
                bench.essaim_run(PerTransaction.NAME, variant, members=members, envelope="common",
                                 delivery=f"recipients_per_transaction = {count}", only=ONLY)


class Latency:
    NAME = "latency"
    HELP = "round trip to the far end: 0, 20 and 200 ms, 100 destinations, personal copies; connections follow"

    @staticmethod
    def run(bench):
        for delay, count in ((0, 20_000), (20, 20_000), (200, 10_000)):
            members = bench.scaled(count)
            for _ in range(bench.rounds):
                bench.essaim_run(
                    Latency.NAME, f"{delay} ms, {members:,} members", "essaim by MX", members=members, mx=True,
                    sink_options=["--delay", delay] if delay else [], only=(*ONLY, "connections"),
                    derive=lambda sample: {"connections": sample["max_connections"]})


class Dead:
    NAME = "dead"
    HELP = "0, 10 and 50 percent of destinations dead, refusing or silent: what the living get in a second"

    @staticmethod
    def run(bench):
        members = bench.scaled(100_000)
        for share in (0, 10, 50):
            for silent in (False, True) if share else (False,):
                variant = f"{share} % " + ("silent" if silent else "refuse" if share else "dead")
                for _ in range(bench.rounds):
                    Dead._measure(bench, variant, members, share, silent)

    @staticmethod
    def _measure(bench, variant, members, share, silent):
        dead = [f"127.0.9.{i + 1}" for i in range(share)]
        with bench.folder() as folder, bench.sink(
                folder, addresses=100, more=dead if silent else [],
                rules=[f"connect@{ip}:*=hang" for ip in dead] if silent else []) as sink:
            with bench.running(dns.Names(folder, sink, 100, dead)) as names, bench.running(
                    bench.node(folder, members, dns=names.address, mx_port=sink.port, delivery='drain = "1s"')) as node:
                living = members - sum(1 for i in range(members) if i % 100 < share)
                sample, load_before, others = bench.distribute(node, sink, folder, living, finished=share == 0)
        bench.figures.add(Dead.NAME, variant, "essaim by MX", {key: sample[key] for key in (*ONLY, "seconds")}, load_before,
                          others)


class Tls:
    NAME = "tls"
    HELP = "in clear and with TLS: connections kept; one for each message with resumed and with full handshakes, beside Postfix"

    @staticmethod
    def run(bench):
        certificate = bench.work / "sink.pem"
        if not certificate.exists():
            key = bench.work / "sink.key"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                 "-subj", "/CN=sink.example", "-keyout", str(key), "-out", str(bench.work / "sink.crt")],
                check=True, capture_output=True)
            certificate.write_text((bench.work / "sink.crt").read_text() + key.read_text())
        tls = ["--tls", certificate]
        each = "transactions_per_connection = 1"
        resuming = "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache\n"
        # Variant, members, options of the sink, settings, and what makes Postfix do the same.
        rows = [("in clear, 100 messages on a connection", 100_000, [], "", None),
                ("TLS, 100 messages on a connection", 100_000, tls, "", None),
                ("in clear, a connection each", 20_000, [], each, {}),
                ("TLS, a resumed handshake each", 20_000, tls, each, {"tls": "encrypt", "more": resuming}),
                ("TLS, a full handshake each", 20_000, [*tls, "--no-resumption"], each, {"tls": "encrypt"})]
        for _ in range(bench.rounds):
            for variant, count, options, delivery, of_postfix in rows:
                members = bench.scaled(count)
                bench.essaim_run(
                    Tls.NAME, variant, members=members, sink_options=options, delivery=delivery,
                    only=(*ONLY, "connections", "resumed"),
                    derive=Tls._resumed)
                if of_postfix is not None and "postfix" in bench.options.peers:
                    Tls._postfix(bench, variant, options, of_postfix)

    @staticmethod
    def _resumed(sample):
        return {"resumed": sample["resumed"] / sample["tls"] if sample["tls"] else None}

    @staticmethod
    def _postfix(bench, variant, options, settings):
        """A connection for each of its messages; a post before warms its processes and fills its cache."""
        members = bench.scaled(3_000)
        with bench.folder() as folder, bench.sink(folder, addresses=100, options=options) as sink, bench.running(
                postfix_relay.Relay(folder, sink, members, spread=bench.spread(True),
                                    more="smtp_connection_cache_on_demand = no\n" + settings.get("more", ""),
                                    tls=settings.get("tls", "none"))) as relay:
            bench.distribute(relay, sink, folder, members)
            sample, load_before, others = bench.distribute(relay, sink, folder, members)
        sample |= Tls._resumed(sample)
        bench.figures.add(Tls.NAME, variant, "postfix", {key: sample[key] for key in (*ONLY, "connections", "resumed")},
                          load_before, others)


class Checkpoints:
    NAME = "checkpoints"
    HELP = "while somebody checkpoints the database 20 times a second"

    @staticmethod
    def run(bench):
        members = bench.scaled(100_000)
        for envelope in ("personal", "common"):
            for _ in range(bench.rounds):
                for often in (False, True):
                    Checkpoints._measure(bench, members, envelope, often)

    @staticmethod
    def _measure(bench, members, envelope, often):
        with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                bench.node(folder, members, envelope=envelope, smarthost=sink.smarthost)) as node:
            stop, done = threading.Event(), []

            def checkpoint():
                with sqlite3.connect(node.server.database, timeout=1) as connection:
                    while not stop.wait(0.05):
                        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                        done.append(1)

            thread = threading.Thread(target=checkpoint) if often else None
            if thread:
                thread.start()
            try:
                sample, load_before, others = bench.distribute(node, sink, folder, members)
            finally:
                stop.set()
                if thread:
                    thread.join()
        sample["checkpoints"] = len(done)
        bench.figures.add(Checkpoints.NAME, f"{envelope}, " + ("20 checkpoints a second" if often else "as it is"), "essaim",
                          {key: sample[key] for key in (*ONLY, "checkpoints")}, load_before, others)
