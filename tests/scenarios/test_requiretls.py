"""REQUIRETLS and TLS-Required (RFC 8689): what a sender asks for holds on the whole way, through a list, a crash and a report."""

import re
import ssl
import unittest

from support import authority, dns, essaim, policy_host, processes, sink

# Hosts: that promise REQUIRETLS, that only have TLS, that have none, and one with a certificate that nobody vouches for.
PROMISE, TLS, CLEAR, UNKNOWN = "127.4.0.1", "127.4.0.2", "127.4.0.3", "127.4.0.4"
LIST = "dev@lists.example"
SIGNED = f"""
promise IN A {PROMISE}
tls IN A {TLS}
clear IN A {CLEAR}
unknown IN A {UNKNOWN}
d-promise IN MX 10 promise
d-tls IN MX 10 tls
d-clear IN MX 10 clear
d-unknown IN MX 10 unknown
d-backup IN MX 10 tls
d-backup IN MX 20 promise
dead IN A 127.4.0.9
d-half IN MX 10 dead
d-half IN MX 20 tls
"""
PLAIN = f"""
mx IN A {PROMISE}
mx-unknown IN A {UNKNOWN}
@ IN MX 10 mx
sts IN MX 10 mx
_mta-sts.sts IN TXT "v=STSv1; id=1"
mta-sts.sts IN A 127.0.0.1
bad IN MX 10 mx-unknown
_mta-sts.bad IN TXT "v=STSv1; id=1"
mta-sts.bad IN A 127.0.0.1
"""


class RequireTls(processes.Scenario):
    def serve(self, rules=(), delivery='retry_initial = "1h"'):
        port = processes.free_port(PROMISE)
        ours = authority.Authority(self.folder)
        names = [f"{host}.signed.test" for host in ("promise", "tls")] + ["mx.plain.test"]
        good = ours.issue("good", names)
        unknown = ours.self_signed("unknown", "unknown.signed.test")
        promise = ["--offer", "REQUIRETLS"]
        self.sinks = {}
        for address, options in ((PROMISE, ["--tls", good, *promise]), (TLS, ["--tls", good]), (CLEAR, promise),
                                 (UNKNOWN, ["--tls", unknown, *promise])):
            self.sinks[address] = self.started(sink.Sink(self.folder, listen=[f"{address}:{port}"], options=options,
                                                         rules=rules, commands=True))
        policies = policy_host.PolicyHost(ours.issue("policies", ["mta-sts.sts.plain.test", "mta-sts.bad.plain.test"]))
        self.addCleanup(policies.stop)
        policies.publish("sts.plain.test", "enforce", ["mx.plain.test"])
        policies.publish("bad.plain.test", "enforce", ["mx-unknown.plain.test"])
        names = self.started(dns.NameServer(self.folder, {"signed.test": SIGNED, "plain.test": PLAIN}, signed=["signed.test"]))
        own = ours.issue("own", ["mx1.lists.example"])
        self.context = ssl.create_default_context(cafile=str(ours.pem))
        self.context.check_hostname = False
        self.essaim = self.started(essaim.Essaim(
            self.folder, dns=names.address, mx_port=port, trust_anchor=names.trust_anchor, verify=False,
            listen=f'certificate = "{own}"',
            delivery=f'{delivery}\nca_file = "{ours.pem}"\nsts_port = {policies.port}'))

    def post(self, to=LIST, options=("REQUIRETLS",), sender="x@d-promise.signed.test", extra=""):
        with self.essaim.client() as client:
            client.starttls(context=self.context)
            client.ehlo()
            self.assertTrue(client.has_extn("requiretls"))
            client.mail(sender, options)
            client.rcpt(to)
            code, text = client.data(essaim.message(sender, to, extra=extra).encode())
            self.assertEqual(250, code, text)
            return re.search(r"queued as (\w+)", text.decode()).group(1)

    def ledger(self, queue_id):
        """By domain, once everybody was tried."""
        def tried():
            rows = self.essaim.json("post", "show", queue_id)["recipients"]
            done = [row for row in rows if row["state"] != "pending" and (row["state"] != "deferred" or row["reply"])]
            return rows if rows and len(done) == len(rows) else None

        return {row["recipient"].partition("@")[2].partition(".")[0]: row
                for row in processes.wait_for("everybody to be tried", tried, 60, every=0.2)}

    def mails(self, address):
        """The MAIL commands that a host got, all of them under TLS where it has it."""
        return [line for _, _, line in self.sinks[address].commands() if line.startswith("MAIL")]

    def test_a_post_goes_to_those_whose_hosts_promise_the_same_and_fails_for_the_others_alone(self):
        self.serve()
        domains = [f"{name}.signed.test" for name in ("d-promise", "d-tls", "d-clear", "d-unknown", "d-backup", "d-half")]
        domains += ["sts.plain.test", "plain.test"]
        self.essaim.make_list(LIST, [f"a@{domain}" for domain in domains], post="anyone")
        required = self.post()
        rows = self.ledger(required)
        expected = {"d-promise": ("delivered", ""), "d-backup": ("delivered", ""), "sts": ("delivered", ""),
                    "d-tls": ("failed", "550 5.7.30 tls.signed.test"), "d-clear": ("failed", "550 5.7.10 clear.signed.test"),
                    "plain": ("failed", "550 5.7.10 mx.plain.test"), "d-unknown": ("deferred", "4.7.5"),
                    "d-half": ("deferred", "temporarily suspended: dead.signed.test")}  # a host that may be fit when it is back
        for name, (state, reply) in expected.items():
            with self.subTest(name):
                self.assertEqual(state, rows[name]["state"], rows[name])
                self.assertIn(reply, rows[name]["reply"])
        self.assertIn("REQUIRETLS", self.essaim.run("post", "show", required))
        mails = self.mails(PROMISE)
        self.assertEqual(3, len(mails))
        for line in mails:
            self.assertTrue(line.endswith(" REQUIRETLS"), line)
        self.assertEqual([], self.mails(TLS) + self.mails(CLEAR) + self.mails(UNKNOWN))
        # It says nothing about the members: none has a bounce.
        for member in self.essaim.json("member", "list", LIST):
            self.assertEqual(0, member.get("bounces", 0), member)
        # The same by a sender who asks for nothing goes everywhere, and asks for nothing.
        rows = self.ledger(self.post(options=()))
        self.assertEqual({"delivered"}, {row["state"] for row in rows.values()}, rows)
        self.assertNotIn("REQUIRETLS", " ".join(self.mails(TLS) + self.mails(CLEAR) + self.mails(PROMISE)[3:]))

    def test_it_is_kept_over_a_crash(self):
        self.serve(rules=["data@*=first:1:hang"])
        self.essaim.make_list(LIST, ["a@d-promise.signed.test"], post="anyone")
        queue_id = self.post()
        processes.wait_for("the first try", lambda: self.mails(PROMISE))
        self.essaim.kill()
        self.essaim.start()
        self.assertEqual("delivered", self.ledger(queue_id)["d-promise"]["state"])
        self.assertEqual(2, len(self.mails(PROMISE)))
        for line in self.mails(PROMISE):
            self.assertTrue(line.endswith(" REQUIRETLS"), line)

    def test_a_report_about_it_is_protected_as_well_and_goes_also_where_only_tls_is_promised(self):
        self.serve()
        self.essaim.make_list(LIST, [], post="anyone")
        self.essaim.run("member", "add", LIST, "owner@d-clear.signed.test", "--role", "owner")
        self.essaim.run("member", "remove", LIST, "owner@people.example", "--role", "owner")
        for domain, host, end in (("d-promise", PROMISE, " REQUIRETLS"), ("d-tls", TLS, "SIZE")):
            queue_id = self.post("dev-owner@lists.example", ("REQUIRETLS", "RET=FULL"), f"x@{domain}.signed.test")
            self.assertEqual("failed", self.ledger(queue_id)["d-clear"]["state"])
            receipt = self.sinks[host].wait_for(1, 60)[0]
            self.assertEqual("<>", receipt.sender)
            text = processes.wait_for("the report's text", lambda: self.sinks[host].message_bytes(receipt))
            self.assertIn(b"Status: 5.7.10", text)
            self.assertNotIn(b"The swarm moves on.", text)
            self.assertIn(end, self.mails(host)[-1])
            self.assertEqual("REQUIRETLS" in self.mails(host)[-1], end == " REQUIRETLS")

    def test_tls_required_no_sets_the_policy_of_a_domain_aside(self):
        self.serve()
        self.essaim.make_list(LIST, ["a@bad.plain.test"], post="anyone")
        row = self.ledger(self.post(options=()))["bad"]
        self.assertEqual("deferred", row["state"], row)
        row = self.ledger(self.post(options=(), extra="TLS-Required: No\n"))["bad"]
        self.assertEqual("delivered", row["state"], row)


if __name__ == "__main__":
    unittest.main()
