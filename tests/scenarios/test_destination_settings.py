"""What the operator sets for single destinations, the order of MX hosts, a relay that is suspended, and IPv6."""

import collections
import signal
import socket
import unittest

from support import dns, essaim, processes, sink

ZONE = """
gold IN MX 10 mx.provider
silver IN MX 10 mx.provider
plain IN MX 10 mx.provider
mx.provider IN A 127.1.0.1
hosted IN MX 10 mx7.big
mx7.big IN A 127.1.0.2
relay IN A 127.1.0.3
pair IN MX 10 a.pair
pair IN MX 10 b.pair
pair IN MX 20 c.pair
a.pair IN A 127.1.0.4
b.pair IN A 127.1.0.5
c.pair IN A 127.1.0.6
six IN MX 10 mx.six
mx.six IN AAAA ::1
"""


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
        return True
    except OSError:
        return False


class DestinationSettings(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port()
        self.dns = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.sink = self.started(sink.Sink(self.folder, commands=True,
                                           listen=[f"127.1.0.{i}:{self.port}" for i in range(1, 7)]))

    def serve(self, tables="", **settings):
        self.essaim = self.started(essaim.Essaim(self.folder, dns=self.dns.address, mx_port=self.port, extra="", **settings))
        self.add_tables(tables)

    def add_tables(self, tables):
        self.essaim.config.write_text(self.essaim.config.read_text() + tables)
        self.essaim.run("config", "check")
        self.essaim.run("reload")

    def send(self, *members, **settings):
        self.essaim.make_list("dev@lists.example", members, post="anyone", **settings)
        reply = self.essaim.post("x@client.example", "dev@lists.example", essaim.message("x@client.example", "dev@lists.example"))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.queue_id(reply)

    def came_from(self):
        """Recipient -> (address of the sink, address of the client)."""
        return {line.split("<")[1].split(">")[0]: (at.rpartition(":")[0], client)
                for at, client, line in self.sink.commands() if line.startswith("RCPT")}

    def test_each_table_holds_for_its_destination(self):
        self.serve(f"""
[[destination]]
match = ["gold.example"]
source_address = ["127.0.0.61"]
connections = 1
[[destination]]
match = ["*.silver.example", "silver.example"]
smarthost = "relay.example:{self.port}"
[[destination]]
mx = ["*.big.example"]
source_address = ["127.0.0.62", "::1"]
rate = "2/s"
""")
        members = [f"m{i}@{name}.example" for name in ("gold", "silver", "plain", "hosted") for i in range(5)]
        self.essaim.wait_finished(self.send(*members))
        self.assertEqual({m: 1 for m in members}, dict(self.sink.recipients()))
        expected = {"gold": ("127.1.0.1", "127.0.0.61"), "silver": ("127.1.0.3", "127.0.0.1"),
                    "plain": ("127.1.0.1", "127.0.0.1"), "hosted": ("127.1.0.2", "127.0.0.62")}
        came_from = self.came_from()
        for member in members:
            self.assertEqual(expected[member.split("@")[1].split(".")[0]], came_from[member], member)
        explained = self.essaim.run("destination", "explain", "hosted.example")
        self.assertIn("[[destination]] 3 (mx *.big.example)", explained)
        self.assertIn("rate: 2 messages a second", explained)
        self.assertIn("source address: 127.0.0.62", explained)
        self.assertIn("settings: [delivery]", self.essaim.run("destination", "explain", "plain.example"))
        self.essaim.stop()
        alone = self.essaim.run("destination", "explain", "silver.example")
        self.assertIn("smart host: relay.example", alone)

    def test_a_reload_moves_what_waits(self):
        self.serve(delivery='retry_initial = "1s"\nretry_max = "1s"')
        self.sink.process.send(signal.SIGSTOP)
        members = [f"m{i}@plain.example" for i in range(300)]
        queue_id = self.send(*members)
        processes.wait_for("connections", lambda: self.essaim.json("destination", "list")["destinations"])
        other = self.started(sink.Sink(self.folder, listen=["127.0.0.9:0"]))
        self.add_tables(f'\n[[destination]]\nmatch = ["*.example"]\nsmarthost = "{other.addresses[0]}"\n')
        processes.wait_for("the other host", lambda: other.recipients())
        self.sink.process.send(signal.SIGCONT)
        self.essaim.wait_finished(queue_id)
        self.assertEqual({m: 1 for m in members}, dict(self.sink.recipients() + other.recipients()))

    def test_a_reload_asks_other_name_servers(self):
        self.serve()
        place = self.folder / "others"
        place.mkdir()
        others = self.started(dns.NameServer(place, {"example": "moved IN MX 10 relay\nrelay IN A 127.1.0.3\n"}))
        good = self.essaim.config.read_text()
        self.essaim.config.write_text(good.replace(f'servers = ["{self.dns.address}"]\n',
                                                   f'servers = ["{others.address}"]\ntrust_anchor = "{place}/nothing"\n'))
        self.essaim.run("reload", check=False)
        self.assertNotEqual(0, self.essaim.last.returncode)
        self.assertIn("trust anchor", self.essaim.last.stderr + self.essaim.last.stdout)
        self.assertNotIn(others.address.replace(":", "@"), self.essaim.log.read_text())
        self.essaim.config.write_text(good.replace(self.dns.address, others.address))
        self.assertNotIn("restart", self.essaim.run("reload"))
        self.essaim.wait_finished(self.send("a@moved.example"))
        self.assertEqual(["127.1.0.3"], [receipt.address.partition(":")[0] for receipt in self.sink.receipts()])
        self.assertIn(others.address.replace(":", "@"), self.essaim.log.read_text())

    def test_mistakes_name_the_table_and_the_key(self):
        self.serve()
        good = self.essaim.config.read_text()
        for table, words in (
                ('[[destination]]\nconnections = 3\n', ["[[destination]] 1", '"match"', '"mx"']),
                ('[[destination]]\nmatch = ["a.example"]\n[[destination]]\nmatch = ["A.example"]\n', ["[[destination]] 2", "a.example"]),
                ('[[destination]]\nmatch = ["a b"]\n', ["destination[].match", "a b"]),
                ('[[destination]]\nmatch = ["*"]\nrate = "fast"\n', ["destination[].rate", "10/s"]),
                ('[[destination]]\nmatch = ["*"]\nsource_address = ["mx"]\n', ["destination[].source_address", "IP address"]),
                ('[[destination]]\nmatch = ["*"]\nconections = 3\n', ["conections", "connections"]),
                ('[[destination]]\nmatch = ["*"]\nconnections = 0\n', ["destination[].connections", "between"])):
            self.essaim.config.write_text(good + table)
            self.essaim.run("config", "check", check=False)
            self.assertNotEqual(0, self.essaim.last.returncode, table)
            for word in words:
                self.assertIn(word, self.essaim.last.stderr + self.essaim.last.stdout)
            self.essaim.run("reload", check=False)
            self.assertNotEqual(0, self.essaim.last.returncode, table)

    def test_a_source_address_that_is_not_ours_is_a_deferral(self):
        self.serve('[[destination]]\nmatch = ["gold.example"]\nsource_address = ["192.0.2.1"]\n',
                   delivery='retry_initial = "1s"\nretry_max = "1s"')
        queue_id = self.send("a@gold.example", "b@plain.example")

        def row():
            rows = {r["recipient"]: r for r in self.essaim.json("post", "show", queue_id)["recipients"]}
            return rows["a@gold.example"] if rows["a@gold.example"]["state"] == "deferred" else None

        self.assertIn("from 192.0.2.1", processes.wait_for("deferral", row)["reply"])
        self.sink.wait_for(1)
        self.assertEqual(1, self.essaim.log.read_text().count("source-address-unusable"))
        self.essaim.config.write_text(self.essaim.config.read_text().replace("192.0.2.1", "127.0.0.63"))
        self.essaim.run("reload")
        self.essaim.run("queue", "retry", "--domain", "gold.example")
        self.essaim.wait_finished(queue_id)

    def test_hosts_are_tried_by_preference_and_equals_in_turn(self):
        self.serve(delivery="connections_initial = 10\ntransactions_per_connection = 1")
        members = [f"m{i}@pair.example" for i in range(80)]
        self.essaim.wait_finished(self.send(*members))
        hosts = collections.Counter(receipt.address.partition(":")[0] for receipt in self.sink.receipts())
        self.assertEqual({"127.1.0.4", "127.1.0.5"}, set(hosts), hosts)
        # The odds that a fair choice gives one of them fewer than ten of eighty are below one in ten thousand million.
        self.assertGreater(min(hosts.values()), 9, hosts)

    def test_a_suspended_smart_host_gets_nothing(self):
        self.serve('[[destination]]\nmatch = ["plain.example"]\nsmarthost = ""\n', smarthost=f"relay.example:{self.port}")
        self.essaim.run("destination", "suspend", f"relay.example:{self.port}", "--reason", "moves house")
        queue_id = self.send("a@gold.example", "b@plain.example")
        self.sink.wait_for(1)

        def row():
            rows = {r["recipient"]: r for r in self.essaim.json("post", "show", queue_id)["recipients"]}
            return rows["a@gold.example"] if rows["a@gold.example"]["state"] == "deferred" else None

        self.assertIn("moves house", processes.wait_for("deferral", row)["reply"])
        self.assertEqual({"b@plain.example": 1}, dict(self.sink.recipients()))
        self.assertIn("moves house", self.essaim.run("destination", "explain", "gold.example"))
        self.essaim.run("destination", "resume", f"relay.example:{self.port}")
        self.essaim.wait_finished(queue_id)
        # Under the name without port, while mail waits for its turn there.
        self.essaim.run("destination", "suspend", "relay.example")
        again = self.essaim.queue_id(self.essaim.post("x@client.example", "dev@lists.example",
                                                      essaim.message("x@client.example", "dev@lists.example")))
        self.sink.wait_for(3)
        self.assertEqual(1, self.sink.recipients()["a@gold.example"])
        self.essaim.run("destination", "resume", "relay.example")
        self.essaim.wait_finished(again)
        self.assertEqual(2, self.sink.recipients()["a@gold.example"])

    @unittest.skipUnless(has_ipv6(), "needs IPv6 on the loopback interface")
    def test_delivery_over_ipv6(self):
        six = self.started(sink.Sink(self.folder, listen=[f"[::1]:{self.port}"], commands=True))
        self.serve()
        ledger = self.essaim.wait_finished(self.send("a@six.example", "b@[IPv6:::1]"))
        self.assertEqual(2, ledger["counts"]["delivered"], ledger)
        self.assertEqual(2, sum(six.recipients().values()))
        self.assertTrue(all("[::1]" in row["host"] for row in ledger["recipients"]), ledger)


if __name__ == "__main__":
    unittest.main()
