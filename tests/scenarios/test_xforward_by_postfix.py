"""A real Postfix in front that says by XFORWARD for whom it hands on: whom Essaim believes, and what it makes of it."""

import re
import smtplib
import unittest

from support import authenticated, essaim, postfix, processes
from support.judges import results_field

LIST = "dev@lists.example"
ANN = "ann@author.example"
# The relay that is believed, one that is not, a filter behind the first one, and who is where.
RELAY, OTHER_RELAY, FILTER = "127.6.6.6", "127.7.7.7", "127.8.8.8"
AT_HOME, ABROAD, UNWANTED = "127.9.9.9", "127.9.9.8", "127.9.9.7"
BELIEVED = f'verify = true\nrelays = ["{RELAY}"]\nxforward = true'
DIRECT = "postfix.example [{}]"


class XforwardByPostfix(authenticated.Authenticated):
    def start_with(self, settings):
        self.essaim.make_list(LIST, ["ann@a.example"], post="anyone")
        self.publish(**{"author.example": f"v=spf1 ip4:{AT_HOME} ip6:2001:db8::7 -all", "_dmarc.author.example": "v=DMARC1; p=none"})
        self.essaim.stop()
        self.essaim.config.write_text(self.essaim.config.read_text().replace("verify = true", settings))
        self.essaim.start()
        self.sent = 0

    def relay(self, address, names_clients):
        """A Postfix that hands on from that address; `names_clients`: what may say by XFORWARD to it for whom it hands on."""
        folder = self.folder / address
        folder.mkdir()
        folder.chmod(0o755)
        return self.started(postfix.Postfix(
            folder, "127.0.0.1", processes.free_port(), relayhost=f"[127.0.0.1]:{self.essaim.port}",
            extra=f"smtp_bind_address = {address}\nsmtp_send_xforward_command = yes\ninet_protocols = all\n"
                  f"smtpd_authorized_xforward_hosts = {names_clients}\n"))

    def client(self, port, address, helo="client.example"):
        return smtplib.SMTP("127.0.0.1", port, local_hostname=helo, timeout=120, source_address=(address, 0))

    def hand_in(self, relay, address, helo="client.example", xforward=()):
        with self.client(relay.port, address, helo) as smtp:
            smtp.ehlo()
            for attributes in xforward:
                self.assertEqual(250, smtp.docmd("XFORWARD", attributes)[0])
            smtp.sendmail(ANN, [LIST], essaim.message(f"Ann <{ANN}>", LIST))

    def found(self, *arguments, **options):
        """What is found of the next post: the result of SPF, and the client in the ledger."""
        self.hand_in(*arguments, **options)
        self.sent += 1
        field = results_field(self.sink.message_bytes(self.sink.wait_for(self.sent)[-1]))
        return re.search(r"spf=\w+", field).group(), self.essaim.json("post", "find", "--list", LIST)[0]["client"]

    def test_the_client_that_it_names_is_the_one_for_spf_rules_ledger_and_log(self):
        self.start_with(BELIEVED)
        relay = self.relay(RELAY, FILTER)
        direct, by_relay = DIRECT.format(RELAY), " by way of " + DIRECT.format(RELAY)
        rows = [
            # Postfix does not encode the =.
            ("spf=pass", f"client=1.example [{AT_HOME}]{by_relay}", (AT_HOME, "client=1.example")),
            ("spf=pass", f"[{AT_HOME}] [{AT_HOME}]{by_relay}", (AT_HOME, f"[{AT_HOME}]")),
            ("spf=fail", f"a+b.example [{ABROAD}]{by_relay}", (ABROAD, "a+b.example")),
            # It writes IPv6, and puts in order what others wrote.
            ("spf=pass", f"far.example [2001:db8::7]{by_relay}",
             (FILTER, "filter.example", ["NAME=far.example ADDR=IPV6:2001:DB8:0:0::7", "HELO=x SOURCE=REMOTE"])),
            ("spf=pass", f"x [{AT_HOME}]{by_relay}", (FILTER, "filter.example", [f"ADDR=IPV6:::ffff:{AT_HOME} HELO=x"])),
            # Nobody is named: what it does not know, it leaves out.
            ("spf=none", direct, (FILTER, "filter.example", ["NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]", "HELO=far.example"])),
            ("spf=none", direct, (FILTER, "filter.example", [f"ADDR={AT_HOME} SOURCE=LOCAL"])),
            # Its own machine: SOURCE=LOCAL.
            ("spf=none", direct, ("127.0.0.1", "client.example")),
        ]
        for spf, client, (address, helo, *xforward) in rows:
            with self.subTest(address=address, helo=helo, xforward=xforward):
                self.assertEqual((spf, client), self.found(relay, address, helo, *xforward))
        log = self.essaim.process.output()
        self.assertRegex(log, rf"received .*forwarded_for=unknown\[{AT_HOME}\] client=unknown\[{RELAY}\]")
        self.assertIn("forwarded_for=far.example[2001:db8::7] ", log)
        self.assertNotIn("in reply to XFORWARD", relay.log.read_text())

        send = self.folder / "send.near"
        send.write_text(f"title.en near\nverify_netmask('{UNWANTED}') smtp,dkim,md5 -> reject(reason='not from there')\n"
                        "true() smtp,dkim,md5 -> do_it\n")
        self.essaim.run("scenario", "set", "send.near", send, "--list", LIST)
        self.essaim.run("list", "set", LIST, "send=near")
        self.assertEqual("spf=fail", self.found(relay, ABROAD)[0])
        self.hand_in(relay, UNWANTED)
        processes.wait_for("the refusal", lambda: "not from there" in relay.log.read_text())
        # Who comes to Postfix cannot name others, unless its own settings say so.
        with self.client(relay.port, ABROAD) as smtp:
            smtp.ehlo()
            self.assertEqual(550, smtp.docmd("XFORWARD", f"ADDR={AT_HOME}")[0])

    def refused_directly(self, address):
        with self.client(self.essaim.port, address) as smtp:
            smtp.ehlo()
            self.assertFalse(smtp.has_extn("xforward"))
            self.assertEqual(500, smtp.docmd("XFORWARD", f"ADDR={AT_HOME}")[0])

    def test_one_that_is_not_trusted_cannot_make_its_clients_others(self):
        self.start_with(BELIEVED)
        other = self.relay(OTHER_RELAY, "127.0.0.0/8")
        for options in ({}, {"xforward": [f"NAME=home.example ADDR={AT_HOME}", "HELO=home.example SOURCE=REMOTE"]}):
            self.assertEqual(("spf=fail", DIRECT.format(OTHER_RELAY)), self.found(other, AT_HOME, **options))
        self.refused_directly(OTHER_RELAY)
        self.assertNotIn("forwarded_for", self.essaim.process.output())

    def test_without_the_setting_a_relay_of_ours_is_not_asked(self):
        self.start_with(f'verify = true\nrelays = ["{RELAY}"]')
        relay = self.relay(RELAY, FILTER)
        for client in (AT_HOME, ABROAD):
            self.assertEqual(("spf=none", DIRECT.format(RELAY)), self.found(relay, client))
        self.refused_directly(RELAY)
        self.assertNotIn("forwarded_for", self.essaim.process.output())


if __name__ == "__main__":
    unittest.main()
