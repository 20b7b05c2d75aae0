"""One click on two nodes behind HAProxy: each knows the links of the other, whoever is asked, while keys change and a node dies."""

import signal
import unittest

from support import haproxy, nodes, one_click, processes

LIST = "dev@lists.example"
MEMBERS = [f"m{i}@a.example" for i in range(8)]
LISTEN = f'[[listen]]\naddress = "127.0.0.1:0"\nrole = "http"\nproxy = ["{haproxy.ADDRESS}/32"]\n'
CLICK = ("-d", "List-Unsubscribe=One-Click")


class OneClickOnNodes(nodes.Nodes):
    sink_keeps = True

    def setUp(self):
        super().setUp()
        self.one, self.two = (self.node(name, extra=f'[http]\nbase_url = "{one_click.PUBLIC}"\n', listen=LISTEN) for name in ("one", "two"))
        self.one.make_list(LIST, MEMBERS, post="anyone")
        port = processes.free_port()
        self.started(haproxy.HAProxy(self.folder, f"""
global
    log stdout format raw local0 info
defaults
    mode http
    option forwardfor
    retries 3
    option redispatch
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend http
    bind 127.0.0.1:{port}
    default_backend essaim
backend essaim
    balance roundrobin
    source {haproxy.ADDRESS}
    server node1 127.0.0.1:{self.one.port_of('http')}
    server node2 127.0.0.1:{self.two.port_of('http')}
"""))
        processes.wait_for("haproxy", lambda: processes.accepts_connections("127.0.0.1", port))
        self.site = f"http://127.0.0.1:{port}"

    def links(self, node):
        """Posts to that node, and gives the link in each member's copy."""
        before = len(self.sink.receipts())
        members = len(self.members())
        self.post(node, LIST)
        receipts = self.sink.wait_for(before + members)[before:]
        return {r.recipient: one_click.link_in(self.sink.message(r)) for r in receipts}

    def members(self, node=None):
        return {row["address"] for row in (node or self.one).json("member", "list", LIST, "--role", "member")}

    def asked(self, node):
        return node.process.output().count("path=/unsubscribe/* status=")

    def test_every_node_knows_every_link_while_keys_change_and_a_node_dies(self):
        links, others = self.links(self.one), self.links(self.two)
        self.assertEqual(links, others, "a link is the same whichever node made it")
        for _ in range(4):
            self.assertEqual(200, one_click.curl(self.site + links[MEMBERS[0]])[0])
        self.assertEqual(set(MEMBERS), self.members())
        for member in MEMBERS[:2]:
            for _ in range(3):  # the same click at both
                self.assertEqual(200, one_click.curl(self.site + links[member], *CLICK)[0])
        self.assertGreater(min(self.asked(self.one), self.asked(self.two)), 2)
        self.assertEqual(set(MEMBERS[2:]), self.members())
        left = {row["address"]: row for row in self.two.json("member", "left", LIST)}
        self.assertEqual(set(MEMBERS[:2]), set(left))
        self.assertEqual({("one-click", "127.0.0.1")}, {(row["how"], row["client"]) for row in left.values()})
        # Nobody who left gets the next post, from whichever node.
        self.assertEqual(set(MEMBERS[2:]), set(self.links(self.two)))

        # A new key, made at one: the other signs with it, and both know the links of the old one.
        self.one.run("leave-key", "rotate")
        processes.wait_for("the other to sign with it", lambda: self.links(self.two)[MEMBERS[2]] != links[MEMBERS[2]], every=0.5)
        fresh = self.links(self.two)
        self.assertEqual(fresh, self.links(self.one))
        for member, link in ((MEMBERS[2], links), (MEMBERS[3], fresh)):
            for _ in range(2):
                self.assertEqual(200, one_click.curl(self.site + link[member], *CLICK)[0])
        self.assertEqual(set(MEMBERS[4:]), self.members())
        # Retired at one, its links are nothing to either.
        self.two.run("leave-key", "retire", "0")
        for node in (self.one, self.two):
            here = f"http://127.0.0.1:{node.port_of('http')}{links[MEMBERS[4]]}"
            processes.wait_for(f"{node.name} to refuse it", lambda: one_click.curl(here)[0] == 410, every=0.2)
            self.assertEqual(410, one_click.curl(here, *CLICK)[0])
        self.assertEqual(set(MEMBERS[4:]), self.members())

        # One dies: the balancer's other goes on, and when it is back it knows who left.
        self.one.process.stop(signal.SIGKILL)
        for member in MEMBERS[4:6]:
            self.assertEqual(200, one_click.curl(self.site + fresh[member], *CLICK)[0])
        self.one.start(same_ports=True)
        self.assertEqual(set(MEMBERS[6:]), self.members(self.one))
        self.assertEqual(200, one_click.curl(f"http://127.0.0.1:{self.one.port_of('http')}{fresh[MEMBERS[4]]}", *CLICK)[0])


if __name__ == "__main__":
    unittest.main()
