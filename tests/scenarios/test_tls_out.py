"""TLS on the way out: DANE by signed zones, MTA-STS by a policy host, the operator's word, and what is told of it."""

import re
import unittest

from support import authority, dns, essaim, policy_host, processes, sink

GOOD, CLEAR, OTHER = "127.2.0.1", "127.2.0.2", "127.2.0.3"  # with a certificate, without TLS, with another certificate
EXPIRED = "127.2.0.5"
NOBODY = "127.2.0.99"
DOMAINS = "127.0.0.1"


class TlsOut(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port(GOOD)
        self.authority = authority.Authority(self.folder)
        self.good = self.authority.issue("good", ["mx.signed.test", "mx.plain.test"])
        self.other = self.authority.self_signed("other", "mx.other.test")
        self.sinks = [self.started(sink.Sink(self.folder, listen=[f"{GOOD}:{self.port}"], options=["--tls", self.good])),
                      self.started(sink.Sink(self.folder, listen=[f"{CLEAR}:{self.port}"])),
                      self.started(sink.Sink(self.folder, listen=[f"{OTHER}:{self.port}"], options=["--tls", self.other]))]

    def serve(self, zones, signed=(), spoilt=(), overdue=(), delivery="", extra=""):
        self.dns = self.started(dns.NameServer(self.folder, zones, signed=signed, spoilt=spoilt, overdue=overdue))
        self.essaim = self.started(essaim.Essaim(
            self.folder, dns=self.dns.address, mx_port=self.port, trust_anchor=self.dns.trust_anchor if signed else None,
            delivery=f'retry_initial = "1h"\nca_file = "{self.authority.pem}"\n{delivery}', extra=extra))

    def post(self, domains):
        """Gives for each domain the row of the ledger, once none is untried."""
        name = f"list{len(getattr(self, 'posted', []))}@lists.example"
        self.posted = getattr(self, "posted", []) + [name]
        self.essaim.make_list(name, [f"someone@{domain}" for domain in domains], post="anyone")
        reply = self.essaim.post("x@client.example", name, essaim.message("x@client.example", name))
        self.assertEqual(reply[0], 250, reply)
        queue_id = self.essaim.queue_id(reply)

        def tried():
            rows = self.essaim.json("post", "show", queue_id)["recipients"]
            done = [row for row in rows if row["state"] != "pending" and (row["state"] != "deferred" or row["reply"])]
            return rows if len(done) == len(domains) else None

        rows = processes.wait_for("every domain to be tried", tried, every=0.2)
        return {row["recipient"].partition("@")[2]: row for row in rows}

    def explain(self, domain):
        return self.essaim.run("destination", "explain", domain)

    def test_dane_decides_by_what_is_proven(self):
        good, other = authority.tlsa(self.good), authority.tlsa(self.other)
        anchor = authority.tlsa(self.authority.pem, usage=2, selector=0)
        hosts = {"ee": (GOOD, good), "stale": (GOOD, other), "both": (GOOD, f"{other}\n_{self.port}._tcp.both IN TLSA {good}"),
                 "clear": (CLEAR, good), "unusable": (OTHER, "1 1 1 " + "00" * 32), "unusableclear": (CLEAR, "1 1 1 " + "00" * 32),
                 "spoilt": (GOOD, "3 1 1 " + "66" * 32), "mx": (GOOD, anchor), "wrongname": (GOOD, anchor),
                 "none": (OTHER, None), "noneclear": (CLEAR, None)}
        records = "".join(
            f"{name} IN A {address}\nd-{name} IN MX 10 {name}\n" + (f"_{self.port}._tcp.{name} IN TLSA {tlsa}\n" if tlsa else "")
            for name, (address, tlsa) in hosts.items())
        records += ("d-second IN MX 10 stale\nd-second IN MX 20 ee\n"
                    "alias IN CNAME ee\nd-alias IN MX 10 alias\n"
                    # Behind an alias without records of its end those of the alias count.
                    f"fallback IN CNAME none\n_{self.port}._tcp.fallback IN TLSA {good}\nd-fallback IN MX 10 fallback\n"
                    # The records are behind an alias: proven, and not.
                    f"byalias IN A {GOOD}\n_{self.port}._tcp.byalias IN CNAME _{self.port}._tcp.ee\nd-byalias IN MX 10 byalias\n"
                    f"byother IN A {GOOD}\n_{self.port}._tcp.byother IN CNAME _{self.port}._tcp.mx.plain.test.\nd-byother IN MX 10 byother\n"
                    # Hosts of which nothing is proven, by name and by alias.
                    "d-outside IN MX 10 mx.plain.test.\nd-outalias IN MX 10 alias.plain.test.\n"
                    # A host without address is none, and one whose address fails its proof may not be used.
                    "nowhere IN TXT x\nd-nowhere IN MX 10 nowhere\nd-nowhere IN MX 20 ee\n"
                    f"badaddress IN A {NOBODY}\nd-badaddress IN MX 10 badaddress\n"
                    f"unproven IN CNAME mx.plain.test.\n_{self.port}._tcp.unproven IN TLSA {other}\nd-unproven IN MX 10 unproven\n"
                    "d-badmx IN MX 77 ee\n")
        plain = f"@ IN MX 10 mx\nmx IN A {GOOD}\nalias IN CNAME mx\n_{self.port}._tcp.mx IN TLSA {other}\n"
        self.serve({"signed.test": records, "plain.test": plain, "overdue.test": f"@ IN MX 10 mx\nmx IN A {GOOD}\n"},
                   signed=["signed.test", "overdue.test"], overdue=["overdue.test"],
                   spoilt=[("66" * 32, "67" * 32), ("MX\t77 ", "MX\t78 "), (NOBODY, GOOD)])
        expected = {"ee": "delivered", "both": "delivered", "alias": "delivered", "mx": "delivered", "unusable": "delivered",
                    "none": "delivered", "noneclear": "delivered", "second": "delivered", "stale": "certificate",
                    "clear": "offers no STARTTLS", "unusableclear": "offers no STARTTLS", "spoilt": "DNSSEC",
                    "wrongname": "ostname mismatch", "unproven": "certificate", "badmx": "DNSSEC",
                    "fallback": "certificate", "byalias": "delivered", "byother": "delivered", "outside": "delivered",
                    "outalias": "delivered", "nowhere": "delivered", "badaddress": "DNSSEC"}
        rows = self.post([f"d-{name}.signed.test" for name in expected] + ["plain.test", "overdue.test"])
        for name, outcome in expected.items():
            row = rows[f"d-{name}.signed.test"]
            with self.subTest(name):
                if outcome == "delivered":
                    self.assertEqual(row["state"], "delivered", row)
                else:
                    self.assertEqual(row["state"], "deferred", row)
                    self.assertIn(outcome, row["reply"])
        self.assertEqual(rows["plain.test"]["state"], "delivered")
        # Its signer was late, or our clock is ahead: that is no proof that there is none.
        self.assertEqual(rows["overdue.test"]["state"], "deferred")
        self.assertIn("DNSSEC", rows["overdue.test"]["reply"])
        text = self.explain("d-ee.signed.test")
        self.assertIn("DANE, 1 TLSA record of ee.signed.test", text)
        # Its host has another destination, too, whose session this one may have resumed: then no record was matched anew.
        self.assertRegex(text, "verified by DANE-EE|resumed, verified by DANE")
        self.assertIn("DANE-TA", self.explain("d-mx.signed.test"))
        self.assertIn("tlsa-invalid", self.explain("d-stale.signed.test"))
        self.assertIn("starttls-not-supported", self.explain("d-clear.signed.test"))
        self.assertIn("opportunistic", self.explain("plain.test"))
        self.assertIn("cannot be resolved now", self.explain("d-spoilt.signed.test"))
        self.assertIn("opportunistic", self.explain("d-outside.signed.test"))
        self.assertIn("DANE, 1 TLSA record", self.explain("d-byalias.signed.test"))
        # What mail with REQUIRETLS would get, and why.
        for domain, words in {"d-ee.signed.test": "to hosts that offer it", "d-spoilt.signed.test": "put off: 451 4.7.5 ",
                              "plain.test": "returned: 550 5.7.10 mx.plain.test: REQUIRETLS, and neither DNSSEC nor MTA-STS vouches"}.items():
            self.assertIn(f"with REQUIRETLS: {words}", self.explain(domain))
        self.assertIn("ee.signed.test: REQUIRETLS, DANE, 1 TLSA record", self.explain("d-ee.signed.test"))

    def test_mta_sts_enforced_tested_rolled_over_and_out_of_reach(self):
        names = ["good", "selfsigned", "testing", "elsewhere", "missing", "html", "redirect", "untrusted", "clear", "expired", "large"]
        addresses = {"good": GOOD, "elsewhere": GOOD, "clear": CLEAR, "expired": EXPIRED}
        late = self.authority.issue("late", ["mx-expired.plain.test"], days=-1)
        self.started(sink.Sink(self.folder, listen=[f"{EXPIRED}:{self.port}"], options=["--tls", late]))
        records = "".join(
            f"{name} 1 IN MX 10 {'mx' if addresses.get(name, OTHER) == GOOD else 'mx-' + name}\n"
            f'_mta-sts.{name} 1 IN TXT "v=STSv1; id=1;"\nmta-sts.{name} 1 IN A {DOMAINS}\n'
            + ("" if addresses.get(name, OTHER) == GOOD else f"mx-{name} 1 IN A {addresses.get(name, OTHER)}\n") for name in names)
        records += f"mx 1 IN A {GOOD}\n"
        pem = self.authority.issue("policies", [f"mta-sts.{name}.plain.test" for name in names if name != "untrusted"])
        host = self.started_host(pem)
        for name in names:
            host.publish(f"{name}.plain.test", "testing" if name == "testing" else "enforce",
                         ["mx.plain.test", f"mx-{name}.plain.test"])
        host.publish("elsewhere.plain.test", "enforce", ["mx.elsewhere.test"])
        host.publish("missing.plain.test", "enforce", ["mx.elsewhere.test"], status=404)
        host.publish("html.plain.test", "enforce", ["mx.elsewhere.test"], kind="text/html")
        host.publish("redirect.plain.test", "enforce", ["mx.elsewhere.test"], status=302)
        host.publish("large.plain.test", "enforce", [], body="version: STSv1\r\nmode: enforce\r\nmx: mx.elsewhere.test\r\n" * 20_000)
        self.serve({"plain.test": records}, delivery=f"sts_port = {host.port}")
        rows = self.post([f"{name}.plain.test" for name in names])
        state = {name: rows[f"{name}.plain.test"] for name in names}
        for name in ["good", "testing", "missing", "html", "redirect", "untrusted", "large"]:
            self.assertEqual(state[name]["state"], "delivered", state[name])
        for name, why in {"selfsigned": "certificate", "elsewhere": "does not name it", "clear": "offers no STARTTLS",
                          "expired": "expired"}.items():
            self.assertEqual(state[name]["state"], "deferred", state[name])
            self.assertIn(why, state[name]["reply"])
        self.assertIn("verified by PKIX", self.explain("good.plain.test"))
        self.assertIn("MTA-STS (enforce, id 1", self.explain("good.plain.test"))
        self.assertIn("certificate-", self.explain("testing.plain.test"))
        for name, why in {"missing": "404", "html": "text/html", "redirect": "302", "untrusted": "certificate", "large": "65536 octets"}.items():
            self.assertIn(why, self.explain(f"{name}.plain.test"))

        # The policies are kept over a restart, also when their host is gone.
        host.stop()
        self.essaim.stop()
        self.essaim.start()
        rows = self.post(["selfsigned.plain.test", "good.plain.test"])
        self.assertEqual(rows["selfsigned.plain.test"]["state"], "deferred")
        self.assertEqual(rows["good.plain.test"]["state"], "delivered")

        # A new id brings a new policy.
        again = self.started_host(pem)
        self.essaim.config.write_text(re.sub(r"sts_port = \d+", f"sts_port = {again.port}", self.essaim.config.read_text()))
        again.publish("selfsigned.plain.test", "none", [])
        self.dns.change({"plain.test": records.replace('_mta-sts.selfsigned 1 IN TXT "v=STSv1; id=1;"',
                                                       '_mta-sts.selfsigned 1 IN TXT "v=STSv1; id=2;"')})
        self.essaim.stop()
        self.essaim.start()
        self.assertEqual(self.post(["selfsigned.plain.test"])["selfsigned.plain.test"]["state"], "delivered")

    def started_host(self, pem):
        host = policy_host.PolicyHost(pem)
        self.addCleanup(host.stop)
        return host

    def test_a_policy_host_that_is_silent_holds_up_its_own_domain_only(self):
        records = (f'slow IN MX 10 mx\n_mta-sts.slow IN TXT "v=STSv1; id=1"\nmta-sts.slow IN A {DOMAINS}\n'
                   f"@ IN MX 10 mx\nmx IN A {GOOD}\n")
        host = self.started_host(self.authority.issue("policies", ["mta-sts.slow.plain.test"]))
        host.publish("slow.plain.test", "enforce", ["elsewhere.test"], pause=3600)
        self.serve({"plain.test": records}, delivery=f"sts_port = {host.port}")
        name = "both@lists.example"
        self.essaim.make_list(name, ["a@slow.plain.test", "b@plain.test"], post="anyone")
        self.assertEqual(self.essaim.post("x@client.example", name, essaim.message("x@client.example", name))[0], 250)
        self.assertEqual(self.sinks[0].wait_for(1)[0].recipient, "b@plain.test")
        processes.wait_for("the policy to be asked for", lambda: host.asked == ["mta-sts.slow.plain.test"])
        self.assertEqual(self.sinks[0].recipients()["a@slow.plain.test"], 0)

    def test_what_the_operator_asks_for_goes_before_what_domains_publish(self):
        zone = "".join(f"{name} IN MX 10 mx-{name}\nmx-{name} IN A {address}\n" for name, address in
                       {"encrypt": OTHER, "encryptclear": CLEAR, "verify": OTHER, "off": GOOD, "dane": GOOD}.items())
        zone += f"named IN MX 10 mx\nmx IN A {GOOD}\n"
        rules = "".join(f'[[destination]]\nmatch = ["{domain}.plain.test"]\ntls = "{tls}"\n' for domain, tls in
                        {"encrypt": "encrypt", "encryptclear": "encrypt", "verify": "verify", "off": "off", "dane": "dane"}.items())
        rules += '[[destination]]\nmatch = ["named.plain.test"]\ntls = "verify"\ntls_names = ["mx.signed.test"]\n'
        self.serve({"plain.test": zone}, extra=rules)
        rows = self.post([f"{name}.plain.test" for name in ("encrypt", "encryptclear", "verify", "off", "dane", "named")])
        states = {domain.partition(".")[0]: row["state"] for domain, row in rows.items()}
        self.assertEqual(states, {"encrypt": "delivered", "encryptclear": "deferred", "verify": "deferred", "off": "delivered",
                                  "dane": "deferred", "named": "delivered"})
        self.assertNotIn("TLSv1", rows["off.plain.test"]["host"])
        self.assertIn("TLSv1", rows["named.plain.test"]["host"])
        for alone in (False, True):
            text = self.explain("named.plain.test")
            self.assertIn("settings: [[destination]] 6 (named.plain.test)", text)
            self.assertIn("tls: verify, certificate for mx.signed.test", text)
            self.assertIn("with REQUIRETLS: to hosts that offer it", text)
            self.assertIn("with REQUIRETLS: returned: 550 5.7.10", self.explain("off.plain.test"))
            if not alone:
                self.essaim.stop()
        # The counts that the server left, and the same as JSON.
        self.assertRegex(self.explain("verify.plain.test"), r"\d{4}-\d\d-\d\d: \d+ sessions? certificate-\S+ \(no policy\): mx-verify\.plain\.test \[127\.2\.0\.3\]")
        self.assertTrue(self.essaim.json("destination", "explain", "named.plain.test")["tls"][0]["sessions"])

    def test_a_host_whose_tls_is_broken_gets_its_mail_in_clear_and_is_remembered(self):
        broken = self.started(sink.Sink(self.folder, listen=[f"127.2.0.4:{self.port}"], commands=True,
                                        rules=["starttls@*=220 2.0.0 go ahead"], options=["--tls", self.good]))
        self.serve({"plain.test": "@ IN MX 10 mx\nmx IN A 127.2.0.4\n"}, delivery='idle_timeout = "0s"')
        for _ in range(2):
            self.assertEqual(self.post(["plain.test"])["plain.test"]["state"], "delivered")
        self.assertEqual(len(broken.receipts()), 2)
        self.assertEqual(self.essaim.process.output().count("tls-fallback"), 1)


if __name__ == "__main__":
    unittest.main()
