"""What load balancers and monitoring ask: /livez and /readyz, when this node can work, when it cannot, and when it goes."""

import http.client
import pathlib
import signal
import smtplib
import sqlite3
import threading
import time
import unittest

from support import essaim, haproxy, processes, sink

LIST = "dev@lists.example"
STATUS = '[[listen]]\naddress = "127.0.0.1:0"\nrole = "status"\n'


class Watched(processes.Scenario):
    def serve(self, extra="", listen="", **options):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], extra=extra, listen=f"{listen}\n{STATUS}", **options))
        self.essaim.make_list(LIST, ["m@m.example"], post="anyone")

    def ask(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.essaim.port_of("status"), timeout=120)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def wait_for_answer(self, status, text):
        processes.wait_for(f"/readyz to say {text!r}", lambda: self.ask("/readyz") == (status, text))


class Alone(Watched):
    def test_a_node_with_a_file_is_not_drained_by_a_mark_that_nobody_looks_at(self):
        self.serve()
        self.essaim.run("node", "drain", "1", check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertIn('"essaim drain" ends its server in order', self.essaim.last.stderr)
        self.assertEqual((200, "ready\n"), self.ask("/readyz"))
        # An older command set the mark. It ends with the next start, and a copy does not have it.
        for starts in (True, False):
            self.essaim.stop()
            with sqlite3.connect(self.essaim.database) as rows:
                rows.execute("UPDATE node SET drains = 1, state = 1")
            rows.close()
            if starts:
                self.essaim.start()
                self.assertEqual([("serving", False)], [(n["state"], n["drains"]) for n in self.essaim.json("node", "list")])
        copy = self.folder / "copy.db"
        self.essaim.run("storage", "copy", f"sqlite:{copy}")
        rows = sqlite3.connect(copy)
        self.addCleanup(rows.close)
        self.assertEqual([(0, 0)], rows.execute("SELECT drains, state FROM node").fetchall())


class Health(Watched):
    def test_a_node_that_works_is_alive_and_ready_and_nothing_else_is_there(self):
        self.serve()
        self.assertEqual((200, "alive\n"), self.ask("/livez"))
        self.assertEqual((200, "ready\n"), self.ask("/readyz"))
        self.assertEqual((200, ""), self.ask("/readyz", "HEAD"))
        for path in ("/", "/livez/", "/../etc/passwd", "/%2e%2e/livez", "//livez"):
            self.assertEqual(404, self.ask(path)[0], path)
        self.assertEqual(405, self.ask("/readyz", "POST")[0])
        log = self.essaim.process.output()
        self.assertIn(" status=404 ", log)
        self.assertNotIn("path=/livez status=200", log)

    def test_on_an_empty_database_nobody_is_refused_for_ever(self):
        self.essaim = self.started(essaim.Essaim(self.folder, listen=STATUS))
        self.assertIn(" warning no-domains ", self.essaim.process.output())
        self.wait_for_answer(503, "not ready\nno domains yet\n")
        processes.wait_for("the metric", lambda: "\nessaim_ready 0\n" in self.ask("/metrics")[1])

        def rcpt(to):
            with self.essaim.client() as client:
                client.ehlo()
                client.mail("x@client.example")
                code, text = client.rcpt(to)
                return f"{code} {text.decode()}"

        self.assertRegex(rcpt(LIST), "^451 4.3.5 ")
        self.assertRegex(rcpt("postmaster@mx1.lists.example"), "^250 ")
        self.essaim.make_list(LIST, ["m@m.example"])
        self.assertRegex(rcpt(LIST), "^250 ")
        self.assertRegex(rcpt("nobody@lists.example"), "^550 5.1.1 ")
        self.assertRegex(rcpt("x@elsewhere.example"), "^550 5.7.1 ")
        # Also where only the metrics are asked for since.
        processes.wait_for("the metric", lambda: "\nessaim_ready 1\n" in self.ask("/metrics")[1])
        self.wait_for_answer(200, "ready\n")

    def test_without_a_database_that_takes_writes_it_is_alive_and_not_ready(self):
        self.serve()
        other = sqlite3.connect(self.essaim.database, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN EXCLUSIVE")
        self.wait_for_answer(503, "not ready\nno answer from the database\n")
        self.assertIn("\nessaim_ready 0\n", self.ask("/metrics")[1])
        other.execute("ROLLBACK")
        self.wait_for_answer(200, "ready\n")
        log = self.essaim.process.output()
        self.assertIn(' not-ready why="no answer from the database"', log)
        self.assertIn(" ready-again", log)
        self.assertNotIn("path=/readyz", log, "what is asked every second")

    def test_a_node_without_room_for_mail_is_not_ready(self):
        self.serve(extra='[limits]\nfree_space = "1024G"\n')
        self.wait_for_answer(503, "not ready\nshort of disk\n")
        self.assertEqual((200, "alive\n"), self.ask("/livez"))
        self.assertIn("\nessaim_shedding 1\n", self.ask("/metrics")[1])
        self.assertIn("\nessaim_ready 0\n", self.ask("/metrics")[1])
        self.assertIn(" warning disk-nearly-full ", self.essaim.process.output())
        self.essaim.config.write_text(self.essaim.config.read_text().replace("1024G", "1M"))
        self.essaim.run("reload")
        self.wait_for_answer(200, "ready\n")
        self.assertIn("\nessaim_shedding 0\n", self.ask("/metrics")[1])

    def test_a_node_that_sheds_load_is_not_ready(self):
        self.serve(extra="[limits]\nconnections = 1\n")
        with self.essaim.client():
            self.wait_for_answer(503, "not ready\nshort of connections, memory or descriptors\n")
        self.wait_for_answer(200, "ready\n")

    def test_stopped_it_answers_nobody(self):
        self.serve()
        self.essaim.process.send(signal.SIGSTOP)
        status = pathlib.Path(f"/proc/{self.essaim.process.process.pid}/status")
        processes.wait_for("it to stand still", lambda: "\nState:\tT" in status.read_text())
        self.addCleanup(self.essaim.process.send, signal.SIGCONT)
        connection = http.client.HTTPConnection("127.0.0.1", self.essaim.port_of("status"), timeout=1)
        with self.assertRaises(TimeoutError):
            connection.request("GET", "/livez")
            connection.getresponse()


class Drain(Watched):
    def test_it_says_so_first_then_refuses_then_ends_what_is_under_way(self):
        self.serve(extra='[balancer]\ndrain_notice = "1h"\n')
        client = self.essaim.client()
        client.ehlo()
        client.mail("x@client.example")
        client.rcpt(LIST)
        self.assertEqual(354, client.docmd("DATA")[0])
        idle = self.essaim.client()
        self.essaim.process.send(signal.SIGTERM)
        self.wait_for_answer(503, "not ready\ndraining\n")
        self.assertEqual((200, "alive\n"), self.ask("/livez"))
        with self.essaim.client() as late:  # who has not heard of it yet
            self.assertEqual(250, late.noop()[0])
        self.assertEqual(250, idle.noop()[0])
        self.essaim.process.send(signal.SIGTERM)  # ends the notice
        self.assertEqual(421, idle.getreply()[0])
        self.wait_for_answer(503, "not ready\nnot listening\ndraining\n")
        # Nobody listens any more.
        with self.assertRaises(ConnectionRefusedError):
            self.essaim.client()
        client.send(essaim.message("x@client.example", LIST).encode() + b".\r\n")
        self.assertEqual(250, client.getreply()[0])
        self.assertEqual(0, self.essaim.process.process.wait(120))
        self.essaim.start()
        self.sink.wait_for(1)

    def test_the_notice_is_as_long_as_the_setting_says(self):
        self.serve(extra='[balancer]\ndrain_notice = "1s"\n')
        began = time.monotonic()
        self.essaim.process.send(signal.SIGTERM)
        self.assertEqual(0, self.essaim.process.process.wait(120))
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertRegex(self.essaim.process.output(), r"(?s) draining notice=1\.000.* stopping.* stopped")

    def test_a_reload_does_not_end_the_notice(self):
        self.serve(extra='[balancer]\ndrain_notice = "1h"\n')
        self.essaim.process.send(signal.SIGTERM)
        self.wait_for_answer(503, "not ready\ndraining\n")
        self.essaim.process.send(signal.SIGHUP)
        self.assertEqual((503, "not ready\ndraining\n"), self.ask("/readyz"))
        self.essaim.process.send(signal.SIGTERM)
        self.assertEqual(0, self.essaim.process.process.wait(120))


class RollingRestart(processes.Scenario):
    """Three nodes behind contrib/haproxy; each has a database of its own here, as only connections are watched."""

    def setUp(self):
        super().setUp()
        self.nodes = []
        for number in (1, 2, 3):
            folder = self.folder / f"node{number}"
            folder.mkdir()
            node = self.started(essaim.Essaim(folder, hostname=f"mx{number}.lists.example", smarthost="127.0.0.1:9",
                                              extra='[balancer]\ndrain_notice = "5s"\n', listen=f'proxy = ["{haproxy.ADDRESS}"]\n{STATUS}'))
            node.make_list(LIST, [], post="anyone")
            self.nodes.append(node)
        self.port = processes.free_port()
        environment = {"ESSAIM_BIND": f"127.0.0.1:{self.port}", "ESSAIM_SOURCE": haproxy.ADDRESS, "ESSAIM_CHECK_EVERY": "200ms",
                       "ESSAIM_CONNECTIONS": "100"}
        for number, node in enumerate(self.nodes, start=1):
            environment[f"ESSAIM_NODE{number}"] = f"127.0.0.1:{node.port}"
            environment[f"ESSAIM_STATUS{number}"] = f"127.0.0.1:{node.port_of('status')}"
        self.haproxy = self.started(haproxy.HAProxy(self.folder, processes.ROOT / "contrib" / "haproxy" / "haproxy.cfg", environment))
        processes.wait_for("haproxy to listen", lambda: processes.accepts_connections("127.0.0.1", self.port))

    def post_on_and_on(self):
        """Every post is accepted at the first attempt, or counted."""
        while not self.enough.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=120) as client:
                    client.sendmail("x@client.example", [LIST], essaim.message("x@client.example", LIST))
                    self.accepted += 1
            except (smtplib.SMTPException, OSError) as trouble:
                self.troubles.append(repr(trouble))
            time.sleep(0.02)

    def test_nodes_that_drain_one_by_one_turn_no_client_away(self):
        self.accepted, self.troubles, self.enough = 0, [], threading.Event()
        client = threading.Thread(target=self.post_on_and_on)
        client.start()
        self.addCleanup(client.join)
        self.addCleanup(self.enough.set)
        for number, node in enumerate(self.nodes, start=1):
            before = self.accepted
            node.process.send(signal.SIGTERM)
            self.haproxy.marked(f"node{number}", "DOWN")
            # Whoever had come before has the rest of the notice for what he wants.
            self.assertEqual(0, node.process.process.wait(120))
            processes.wait_for("posts to go on", lambda: self.accepted >= before + 10)
            node.start(same_ports=True)
            self.haproxy.marked(f"node{number}", "UP")
        self.enough.set()
        client.join()
        self.assertEqual([], self.troubles)
        self.assertNotIn(" warning proxy-header-refused", "".join(node.process.output() for node in self.nodes))


if __name__ == "__main__":
    unittest.main()
