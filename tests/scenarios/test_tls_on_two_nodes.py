"""TLS on the way out on two nodes: they share what policies say, whichever of them has fetched one, and what became of connections."""

import unittest

from support import authority, dns, essaim, nodes, policy_host, processes, sink

GOOD, OTHER = "127.2.0.1", "127.2.0.3"  # with a certificate of the authority, with another one
DOMAINS = ("good", "selfsigned")


class TlsOnTwoNodes(nodes.Nodes):
    def zone(self, policy_id):
        return "".join(f'{name} 1 IN MX 10 mx-{name}\nmx-{name} 1 IN A {address}\nmta-sts.{name} 1 IN A 127.0.0.1\n'
                       f'_mta-sts.{name} 1 IN TXT "v=STSv1; id={policy_id};"\n'
                       for name, address in zip(DOMAINS, (GOOD, OTHER)))

    def outcomes(self, node):
        """Of the recipients of a new post that this node delivers."""
        name = f"list{len(self.posted)}@lists.example"
        self.posted.append(name)
        node.make_list(name, [f"someone@{domain}.plain.test" for domain in DOMAINS], post="anyone")
        reply = node.post("x@client.example", name, essaim.message("x@client.example", name))
        self.assertEqual(250, reply[0], reply)

        def tried():
            rows = node.json("post", "show", node.queue_id(reply))["recipients"]
            return rows if all(row["state"] == "delivered" or row["reply"] for row in rows) else None

        rows = processes.wait_for("both domains to be tried", tried, 60, every=0.2)
        return {row["recipient"].partition("@")[2].partition(".")[0]: row["state"] for row in rows}

    def test_a_policy_that_one_has_fetched_holds_on_the_other_while_its_host_is_away(self):
        self.posted = []
        port = processes.free_port(GOOD)
        ours = authority.Authority(self.folder)
        receivers = []
        for address, pem in ((GOOD, ours.issue("good", ["mx-good.plain.test"])), (OTHER, ours.self_signed("other", "mx.other.test"))):
            receivers.append(self.started(sink.Sink(self.folder, listen=[f"{address}:{port}"], options=["--tls", pem])))
        names = self.started(dns.NameServer(self.folder, {"plain.test": self.zone(1)}))
        host = policy_host.PolicyHost(ours.issue("policies", [f"mta-sts.{name}.plain.test" for name in DOMAINS]))
        self.addCleanup(host.stop)
        for name in DOMAINS:
            host.publish(f"{name}.plain.test", "enforce", [f"mx-{name}.plain.test"])
        settings = {"dns": names.address, "mx_port": port, "by_mx": True,
                    "delivery": f'sts_port = {host.port}\nretry_initial = "1h"\nca_file = "{ours.pem}"\n'}
        one = self.node("one", **settings)
        first = {"good": "delivered", "selfsigned": "deferred"}
        self.assertEqual(first, self.outcomes(one))
        self.assertEqual({f"mta-sts.{name}.plain.test" for name in DOMAINS}, set(host.asked))
        # The host is away; another node begins, and the first ends.
        host.stop()
        two = self.node("two", **settings)
        one.stop()
        self.assertEqual(first, self.outcomes(two))
        text = two.run("destination", "explain", "selfsigned.plain.test")
        self.assertIn("MTA-STS (enforce, id 1", text)
        # What the other node's connections did, too: its own are counted a minute later.
        self.assertRegex(text, r": 1 session certificate-\S+ \(MTA-STS\): mx-selfsigned\.plain\.test \[127\.2\.0\.3\]")
        # A new policy by a new id, from a host that has come back under another certificate.
        again = policy_host.PolicyHost(ours.issue("policies2", [f"mta-sts.{name}.plain.test" for name in DOMAINS]), port=host.port)
        self.addCleanup(again.stop)
        for name in DOMAINS:
            again.publish(f"{name}.plain.test", "none", [])
        names.change({"plain.test": self.zone(2)})
        two.stop()
        self.assertEqual({"good": "delivered", "selfsigned": "delivered"}, self.outcomes(two.start()))
        # What was put off is not lost: each of the three posts has come once.
        two.run("queue", "retry", "--all")
        self.assertEqual(3, len(receivers[1].wait_for(3, 60)))


if __name__ == "__main__":
    unittest.main()
