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
