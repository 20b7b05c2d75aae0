"""The other side refuses, hangs, resets, closes, floods or talks nonsense in every state of the dialogue, in clear and under
TLS: tried again, and each recipient gets the post once."""

import collections
import subprocess
import unittest

import site_of_faults as site
from support import dns, processes, sink

STAGES = ["connect", "ehlo", "starttls", "mail", "rcpt", "data", "dot", "quit"]
WAYS = {"refuses": "450 4.3.0 not now", "goes": "421 4.3.2 going down", "closes": "close", "resets": "reset", "hangs": "hang",
        "floods": "flood", "babbles": "garbage", "nul": "nul"}
# The first time only; the next attempt finds a friendly host.
FIRST = "first:1:"


class OtherSides(site.Site):
    def certificate(self):
        path = self.folder / "sink.pem"
        key, cert = self.folder / "key", self.folder / "cert"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=sink.example", "-days", "2", "-keyout", key, "-out", cert], check=True, capture_output=True)
        path.write_text(cert.read_text() + key.read_text())
        return path

    def places(self, tls, chunking):
        """(domain, rule) for each state and way; the address of a sink is the place's own."""
        for stage in STAGES:
            if stage == "starttls" and not tls:
                continue
            for way in WAYS:
                # The end of a message has ten minutes (RFC 5321 §4.5.3.2.6): a_final_dot_without_reply_is_marked_as_such.
                if way == "hangs" and (stage == "dot" or (stage == "data" and chunking)):
                    continue
                yield f"{stage}-{way}-{'tls' if tls else 'clear'}", stage, WAYS[way]

    def run_all(self, tls, chunking=False):
        port = processes.free_port("127.3.0.1")
        self.sinks, zone, members = [], [], []
        mine = collections.defaultdict(lambda: ([], []))  # way of MAIL -> addresses, rules: its sender tells no host
        for i, (name, stage, action) in enumerate(self.places(tls, chunking)):
            address = f"127.3.0.{i + 1}"
            zone += [f"{name} IN MX 10 mx-{name}", f"mx-{name} IN A {address}"]
            members.append(f"m@{name}.example")
            addresses, rules = mine[action if stage == "mail" else ""]
            addresses.append(f"{address}:{port}")
            pattern = f"*@{name}.example" if stage == "rcpt" else "*" if stage == "mail" else f"{address}:*"
            rules.append(f"{stage}@{pattern}={FIRST}{action}")
        options = ["--tls", self.certificate()] if tls else []
        options += ["--offer", "CHUNKING"] if chunking else []
        for addresses, rules in mine.values():
            self.sinks.append(self.started(sink.Sink(self.folder, listen=addresses, rules=rules, keep=False, options=options)))
        self.dns = self.started(dns.NameServer(self.folder, {"example": "\n".join(zone)}))
        self.begin(members=members, smarthost=False, dns=self.dns.address, mx_port=port)
        offset = self.log_size()
        for i in range(3):
            self.post(f"<{i}.{'tls' if tls else 'clear'}@client.example>")
        self.wait_quiet()
        self.check()
        self.assertNotIn(" failed ", self.log_since(offset))

    def receipts(self):
        return [receipt for one in self.sinks for receipt in one.receipts()]

    def test_in_every_state_in_clear(self):
        self.run_all(tls=False)

    def test_in_every_state_with_tls(self):
        self.run_all(tls=True)

    def test_in_every_state_with_chunks(self):
        """Of these "data" is the end of a chunk."""
        self.run_all(tls=False, chunking=True)

    def test_accepted_and_closed_without_the_reply(self):
        """Nobody can know: it comes once more, and no more often than that."""
        self.sinks = []
        self.begin(sink_rules=["dot=first:1:accept-close"])
        self.sinks.append(self.sink)
        self.post("<no-reply@client.example>")
        self.check(twice=1)
        self.assertEqual(1, sum(n - 1 for n in self.sink.recipients().values()))

    def test_always_in_trouble(self):
        """Hosts that never get better keep nobody else waiting, and the lifetime ends it."""
        self.sinks = [self.started(sink.Sink(self.folder, keep=False, rules=[
            "rcpt@*@refuses.example=450 4.2.1 never", "rcpt@*@closes.example=close", "rcpt@*@hangs.example=hang",
            "rcpt@*@floods.example=flood", "rcpt@*@babbles.example=garbage"]))]
        self.sink = self.sinks[0]
        bad = [f"m@{way}.example" for way in ("refuses", "closes", "hangs", "floods", "babbles")]
        good = [f"m{i}@fine.example" for i in range(5)]
        port = int(self.sink.addresses[0].rpartition(":")[2])
        zone = "\n".join(f"{m.partition('@')[2].partition('.')[0]} IN MX 10 mx.{m.partition('@')[2]}.\n"
                         f"mx.{m.partition('@')[2].partition('.')[0]} IN A 127.0.0.1" for m in bad + good[:1])
        self.dns = self.started(dns.NameServer(self.folder, {"example": zone}))
        self.begin(members=good + bad, smarthost=False, dns=self.dns.address, mx_port=port, hostname="essaim.lists.example",
                   list_settings={"expire": "12s"})
        # 127.0.0.1 is the server's own address, but for this port.
        self.post("<trouble@client.example>")
        self.in_time(lambda: len(self.receipts()) >= len(good), "the others")
        self.check(failed=bad)


if __name__ == "__main__":
    unittest.main()
