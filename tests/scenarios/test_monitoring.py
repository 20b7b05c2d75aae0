"""Metrics: a real Prometheus scrapes a real run, and every query of the dashboard and every alert is asked of it."""

import http.client
import json
import re
import sqlite3
import unittest

from support import authority, essaim, processes, prometheus, sink

LIST = "dev@lists.example"
STATUS = '[[listen]]\naddress = "127.0.0.1:0"\nrole = "status"\n'
DASHBOARD = processes.ROOT / "contrib/grafana/essaim.json"
DOCUMENT = processes.ROOT / "docs/monitoring.md"


class Monitoring(processes.Scenario):
    def serve(self, listen=STATUS):
        self.sink = self.started(sink.Sink(self.folder, rules=["rcpt@later@*=450 4.2.1 later", "rcpt@gone@*=550 5.1.1 gone"]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], listen=listen))
        self.essaim.make_list(LIST, ["a@a.example", "b@b.example", "later@c.example", "gone@d.example"], post="anyone")

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.essaim.port_of("status"), timeout=120)
        try:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            self.assertEqual(200, answer.status)
            self.assertEqual("text/plain; version=0.0.4; charset=utf-8", answer.getheader("Content-Type"))
            return answer.read().decode()
        finally:
            connection.close()

    def value(self, sample):
        found = re.search(rf"^{re.escape(sample)} (\S+)$", self.metrics(), re.M)
        return float(found.group(1)) if found else None

    def wait_for_value(self, sample, value):
        processes.wait_for(f"{sample} to be {value}", lambda: self.value(sample) == value, every=0.2)

    def post(self, **options):
        return self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST, **options))

    def test_what_happens_is_counted_and_every_query_of_the_dashboard_has_an_answer(self):
        pem = authority.Authority(self.folder).issue("server", names=["mx1.lists.example"])
        self.serve(f'certificate = "{pem}"\n{STATUS}')
        server = self.started(prometheus.Prometheus(self.folder, [f"127.0.0.1:{self.essaim.port_of('status')}"]))
        server.wait_for('essaim_ready{job="essaim"}', 1)
        self.essaim.run("storage", "backup", self.folder / "backup.db", "--every", "1d")
        for _ in range(2):
            self.assertEqual(250, self.post(message_id="<twice@client.example>")[0])
        self.assertEqual(250, self.post()[0])
        self.assertEqual(550, self.essaim.post("x@client.example", "nobody@lists.example", "")[0])
        self.wait_for_value('essaim_recipients_total{outcome="delivered"}', 4)
        self.wait_for_value('essaim_recipients_total{outcome="failed"}', 2)
        self.wait_for_value('essaim_recipients_total{outcome="deferred"}', 2)
        # Read from the database every ten seconds.
        self.wait_for_value('essaim_queue_recipients{state="waiting"}', 2)
        processes.wait_for("the backup", lambda: self.value("essaim_backup_timestamp_seconds"))
        self.assertEqual(86400, self.value("essaim_backup_due_timestamp_seconds") - self.value("essaim_backup_timestamp_seconds"))
        server.wait_for('time() - essaim_backup_timestamp_seconds{job="essaim"} > bool -3600', 1)
        for sample, value in [('essaim_messages_total{outcome="accepted"}', 3), ("essaim_duplicates_suppressed_total", 1),
                              ("essaim_smtpd_rejections_total", 1), ("essaim_ready", 1), ("essaim_nodes_at_work", 1)]:
            self.assertEqual(value, self.value(sample), sample)
        self.assertGreater(self.value("essaim_journal_bytes"), 0)
        self.assertGreater(self.value('essaim_commit_seconds_count{durability="durable"}'), 3)

        server.wait_for('essaim_recipients_total{job="essaim",outcome="delivered"}', 4)
        server.wait_for('essaim_queue_recipients{job="essaim",state="waiting"}', 2)
        queries = [t["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for t in panel.get("targets", [])]
        self.assertGreater(len(queries), 30)
        for query in queries:
            asked = query.replace("$__rate_interval", "1m").replace("$job", "essaim").replace("$instance", ".*")
            with self.subTest(query=asked):
                self.assertNotIn("$", asked)
                self.assertNotEqual([], server.query(asked), "no data")
        delivered = server.query('sum(increase(essaim_recipients_total{job="essaim",outcome="delivered"}[1m]))')
        self.assertGreater(float(delivered[0]["value"][1]), 0)

        groups = server.ask("rules", type="alert")["groups"]
        alerts = {rule["name"]: rule for group in groups for rule in group["rules"]}
        self.assertGreater(len(alerts), 10)
        for name, rule in alerts.items():
            self.assertNotEqual("err", rule["health"], rule)
            server.query(rule["query"])
            self.assertNotEqual("firing", rule["state"], name)
        self.essaim.stop()
        server.wait_for('up{job="essaim"}', 0)

    def test_what_is_not_taken_at_the_end_of_its_data_is_counted(self):
        self.serve()
        self.essaim.make_list("private@lists.example", [], send="private")
        reply = self.essaim.post("x@client.example", "private@lists.example", essaim.message("x@client.example", "private@lists.example"))
        self.assertEqual(550, reply[0], reply)
        self.assertEqual([0, 0, 1], [self.value(f'essaim_messages_total{{outcome="{outcome}"}}')
                                     for outcome in ("accepted", "deferred", "refused")])
        # A filter that a rule asks and that is not there: a slip of ours, so the mail is to come again.
        mine = self.folder / "send.mine"
        mine.write_text("search(friends.txt,[sender]) smtp,dkim,md5,smtp_auth -> do_it\n")
        self.assertIn("there is no friends.txt yet", self.essaim.run("scenario", "set", "send.mine", mine))
        self.essaim.run("list", "set", "private@lists.example", "send=mine")
        reply = self.essaim.post("x@client.example", "private@lists.example", essaim.message("x@client.example", "private@lists.example"))
        self.assertEqual(451, reply[0], reply)
        self.assertEqual([0, 1, 1], [self.value(f'essaim_messages_total{{outcome="{outcome}"}}')
                                     for outcome in ("accepted", "deferred", "refused")])

    def test_the_document_names_every_metric_and_no_other(self):
        self.serve()
        processes.wait_for("the queue", lambda: "essaim_queue_batches" in self.metrics())
        told = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.metrics(), re.M))
        documented = dict(re.findall(r"^\| `(essaim_\w+)` \| (\w+) \|", DOCUMENT.read_text(), re.M))
        self.assertEqual(documented, told)
        used = set(re.findall(r"\bessaim_[a-z_]+", DASHBOARD.read_text() + (processes.ROOT / "contrib/prometheus/essaim.rules.yml").read_text()))
        histograms = {name for name, kind in told.items() if kind == "histogram"}
        self.assertEqual(set(), {name for name in used if name not in told and name.removesuffix("_bucket") not in histograms})
        alerts = re.findall(r"- alert: (\w+)", (processes.ROOT / "contrib/prometheus/essaim.rules.yml").read_text())
        self.assertEqual(alerts, re.findall(r"^\| `(Essaim\w+)` \|", DOCUMENT.read_text(), re.M))
        # Whoever is called by an alert finds its figure on the dashboard.
        called = re.findall(r"\bessaim_[a-z_]+", (processes.ROOT / "contrib/prometheus/essaim.rules.yml").read_text())
        self.assertEqual(set(), set(called) - set(re.findall(r"\bessaim_[a-z_]+", DASHBOARD.read_text())))

    def test_top_and_the_metrics_agree_on_how_long_the_node_serves(self):
        self.serve()
        processes.wait_for("some time to pass", lambda: self.value("essaim_uptime_seconds") >= 2, every=0.2)
        # Nobody has asked for it before.
        self.assertGreaterEqual(self.essaim.json("top", "--once", "--interval", "200ms")["uptime_seconds"], 2)

    def test_no_list_and_no_address_is_a_label_and_a_stuck_database_holds_nothing_up(self):
        self.serve()
        self.assertEqual(250, self.post()[0])
        self.wait_for_value('essaim_recipients_total{outcome="delivered"}', 2)
        other = sqlite3.connect(self.essaim.database, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN EXCLUSIVE")
        self.assertEqual(2, self.value('essaim_recipients_total{outcome="delivered"}'))
        other.execute("ROLLBACK")
        text = self.metrics()
        for word in ("dev@", "lists.example", "a.example", "127.0.0.1"):
            self.assertNotIn(word, text)
        self.assertLess(len(text), 40_000)


if __name__ == "__main__":
    unittest.main()
