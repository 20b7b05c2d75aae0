"""A provider gives each of its customers MX hosts of a name of their own, and takes what comes to all of them for one: so do we,
where a table [[destination]] says together = true."""

import threading
import unittest

from support import dns, essaim, processes, sink

CUSTOMERS = 40
OTHERS = 5
CONNECTIONS = 4
GROUP = "[[destination]] 1 (mx *.mail.big.example)"
TABLE = f'[[destination]]\nmx = ["*.mail.big.example"]\nconnections = {CONNECTIONS}\ntogether = true\n'
HERE = [f"127.1.1.{n}" for n in range(1, CUSTOMERS + 1)]
ZONE = "".join(f"c{n} IN MX 10 c{n}-example.mail.big\nc{n}-example.mail.big IN A {address}\n" for n, address in enumerate(HERE)) + \
       "".join(f"o{n} IN MX 10 mx.o{n}\nmx.o{n} IN A 127.1.2.{n + 1}\n" for n in range(OTHERS))


class Watch:
    """How many connections to the provider's hosts are open at the same time, as the kernel counts them."""

    def __init__(self, port):
        ends = {"".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{port:04X}" for address in HERE}
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(ends,), daemon=True)
        self._thread.start()

    def _look(self, ends):
        while not self._over.wait(0.01):
            with open("/proc/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table]
            self.most = max(self.most, sum(row[1] in ends and row[3] == "01" for row in rows))

    def end(self):
        self._over.set()
        self._thread.join()
        return self.most


class OneLimitForAProvider(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port()
        self.dns = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.customers = [f"u{i}@c{n}.example" for n in range(CUSTOMERS) for i in range(2)]
        self.others = [f"u{i}@o{n}.example" for n in range(OTHERS) for i in range(2)]

    def serve(self, *rules, table=TABLE, options=(), delivery=""):
        self.sinks = [self.provider(*rules, options=options),
                      self.started(sink.Sink(self.folder, listen=[f"127.1.2.{n + 1}:{self.port}" for n in range(OTHERS)]))]
        self.essaim = self.started(essaim.Essaim(self.folder, dns=self.dns.address, mx_port=self.port, extra="", delivery=delivery,
                                                 start=False))
        self.essaim.config.write_text(self.essaim.config.read_text() + table)
        self.essaim.start()

    def provider(self, *rules, options=()):
        return self.started(sink.Sink(self.folder, listen=[f"{address}:{self.port}" for address in HERE], rules=rules,
                                      options=options))

    def send(self):
        self.essaim.make_list("dev@lists.example", self.customers + self.others, post="anyone")
        reply = self.essaim.post("x@client.example", "dev@lists.example", essaim.message("x@client.example", "dev@lists.example"))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.queue_id(reply)

    def group(self):
        rows = [row for row in self.essaim.json("destination", "list")["destinations"] if row["domain"] == GROUP]
        return rows[0] if rows else None

    def most_at_once(self, table):
        """How many connections the provider saw at the same time while all of a post was delivered."""
        self.serve(table=table, options=["--latency", "30"], delivery="connections_initial = 4")
        watch = Watch(self.port)
        ledger = self.essaim.wait_finished(self.send())
        most = watch.end()
        self.assertEqual(len(self.customers + self.others), ledger["counts"]["delivered"], ledger["counts"])
        self.assertEqual({m: 1 for m in self.customers}, dict(self.sinks[0].recipients()))
        return most

    def test_connections_are_bounded_over_all_customers_and_others_are_not_slowed(self):
        # One that was closed here may not have been closed there yet.
        self.assertLessEqual(self.most_at_once(TABLE), CONNECTIONS + 2)
        customers, others = (one.receipts() for one in self.sinks)
        self.assertLess(max(float(r.time) for r in others), max(float(r.time) for r in customers))
        row = self.group()
        self.assertEqual((CONNECTIONS, CUSTOMERS), (row["limit"], row["destinations"]), row)
        text = self.essaim.run("destination", "explain", "c7.example")
        for words in (f"together, by {GROUP}:", f"{CUSTOMERS} destinations together",
                      f"at most {CONNECTIONS}, of all that the table names together"):
            self.assertIn(words, text)

    def test_without_the_word_each_customer_has_the_limit_for_himself(self):
        self.assertGreater(self.most_at_once(TABLE.replace("together = true\n", "")), 2 * CONNECTIONS)
        self.assertIsNone(self.group())

    def test_a_provider_that_is_busy_is_left_alone_as_one(self):
        self.serve("rcpt@*@c*.example=451 4.7.500 Server busy. Please try again later (S77719)",
                   delivery='retry_initial = "5s"\nretry_max = "5s"\nconnections_initial = 4')
        queue_id = self.send()
        self.sinks[1].wait_for(len(self.others))

        def suspended():
            row = self.group()
            return row and row["state"].startswith("suspended") and row

        row = processes.wait_for("the group to be suspended", suspended)
        self.assertIn("4.7.500 delivery to " + GROUP, row["state"])
        self.assertIn("Server busy", row["state"])
        self.assertTrue([line for line in self.essaim.log.read_text().splitlines() if "destination-suspended" in line and GROUP in line])
        # Hardly anybody was asked.
        tried = [r for r in self.essaim.json("post", "show", queue_id)["recipients"] if r["attempts"] > 0 and r["state"] != "delivered"]
        self.assertLess(len(tried), CUSTOMERS, tried)
        self.sinks[0].stop()
        self.provider()
        self.essaim.run("queue", "retry", "--domain", "c3.example")
        ledger = self.essaim.wait_finished(queue_id)
        self.assertEqual(len(self.customers + self.others), ledger["counts"]["delivered"], ledger["counts"])


if __name__ == "__main__":
    unittest.main()
