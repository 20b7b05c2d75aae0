"""A node with a secret for its keys, and a name server that publishes records of whoever signs."""

from . import dns, essaim, judges, processes, sink

ZONE = """
a IN MX 10 mx.a
mx.a IN A 127.1.0.1
b IN MX 10 mx.b
mx.b IN A 127.1.0.2
"""


class Authenticated(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port()
        self.records = {}
        self.dns = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.sink = self.started(sink.Sink(self.folder, listen=[f"127.1.0.1:{self.port}"]))
        secret = self.folder / "secret"
        secret.write_text("a secret for the keys of this test\n")
        secret.chmod(0o600)
        self.essaim = self.started(essaim.Essaim(
            self.folder, dns=self.dns.address, mx_port=self.port, authentication=f'key_file = "{secret}"\npatience = "4s"', delivery='retry_initial = "2s"'))

    def publish(self, **records):
        self.records.update(records)
        self.dns.change({"example": ZONE + judges.zone_lines("example", self.records)})

    def make_keys(self, *kinds):
        for kind in kinds:
            for key in self.essaim.json("dkim", "create", "lists.example", "--algorithm", kind):
                self.records[key["name"]] = key["record"]
        self.publish()
        for key in self.essaim.json("dkim", "check", "lists.example"):
            self.assertEqual("active", key["state"], key)

    def restart(self):
        """So that it signs with what is active now, and asks the name server anew."""
        self.essaim.stop()
        self.essaim.start()

    def author_signs(self, policy):
        """Gives sign(message) of author.example, with its records published."""
        pem, path, record = judges.rsa_key(self.folder)
        self.publish(**{"s1._domainkey.author.example": record, "_dmarc.author.example": f"v=DMARC1; p={policy}"})
        self.author_key = pem, path
        return lambda message, canonicalize=("relaxed", "relaxed"): judges.dkimpy(
            "sign", message.encode(), selector="s1", domain="author.example", key=pem, canonicalize=canonicalize,
            algorithm="rsa-sha256")

    def receive(self, reply, count):
        self.assertEqual(250, reply[0], reply)
        return [self.sink.message_bytes(receipt) for receipt in self.sink.wait_for(count)[-count:]]


def assert_all_judge_good(test, message, records, rspamd, domain="lists.example"):
    """Each judge finds the signatures of the domain good, RSA and Ed25519 where it knows them. (A judge that is shown
    something else says so: test_signatures_are_judged.py.)"""
    good = {selector: verdict for d, selector, verdict in judges.dkimpy("dkim", message, records) if d == domain}
    test.assertNotEqual({}, good, "nothing of the domain signs it")
    test.assertEqual({True}, set(good.values()), good)
    found = {selector: verdict for d, selector, verdict in judges.mail_dkim("dkim", message, records) if d == domain}
    test.assertEqual({"pass"}, {verdict for selector, verdict in found.items() if "r" in selector}, found)
    test.assertIn("2048-bit key) succeeded", judges.opendkim(test.folder, message, records))
    # It shows one signature of a domain; each by itself, then.
    for selector in good:
        symbols = rspamd.symbols(judges.with_signature(message, selector))
        test.assertEqual([f"{domain}:s={selector}"], symbols.get("R_DKIM_ALLOW"), symbols)


def assert_all_judge_chain_good(test, message, records, rspamd):
    test.assertEqual("pass", judges.dkimpy("arc", message, records)[0])
    test.assertEqual("pass", judges.mail_dkim("arc", message, records))
    test.assertIn("ARC_ALLOW", rspamd.symbols(message))
