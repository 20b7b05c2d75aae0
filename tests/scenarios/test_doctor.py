"""`essaim doctor` against a real name server: a site that is set up by the document, piece by piece."""

import json
import unittest

from support import dns, essaim, judges, processes

ADDRESS = "198.18.0.25"  # RFC 2544: of nobody, and a resolver asks for its name
ELSEWHERE = "ns IN A 127.0.0.1\n"
HOST = ELSEWHERE + f"mx1.lists IN A {ADDRESS}\nmx1.lists IN TXT \"v=spf1 a -all\"\nwww IN A {ADDRESS}\n"
DOMAIN = 'lists IN MX 10 mx1.lists\nlists IN TXT "v=spf1 mx -all"\n_dmarc.lists IN TXT "v=DMARC1; p=none"\n'
REVERSE = "25 IN PTR mx1.lists.example.\n"


class Doctor(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.dns = self.started(dns.NameServer(self.folder, {"example": ELSEWHERE, "0.18.198.in-addr.arpa": "", "bl.test": ""}))
        secret = self.folder / "secret"
        secret.write_text("a secret for the keys of this test\n")
        secret.chmod(0o600)
        # By address, and with pages, both of which the command line alone looks at.
        self.essaim = self.started(essaim.Essaim(
            self.folder, dns=self.dns.address, delivery=f'own_addresses = ["{ADDRESS}"]',
            authentication=f'key_file = "{secret}"', extra='[http]\nbase_url = "https://www.example"\n'))
        self.essaim.make_list("dev@lists.example", ["a@a.example"])

    def ask(self, *arguments):
        self.essaim.run("doctor", *arguments, check=False)
        return self.essaim.last

    def examine(self, *more, code):
        done = self.ask("--address", ADDRESS, *more, "--json")
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return {f'{one["about"]} {one["check"]}': (one["health"], one["finding"]) for one in json.loads(done.stdout)}

    def healths(self, *more, code):
        return {check: health for check, (health, _) in self.examine(*more, code=code).items()}

    def test_from_nothing_to_health(self):
        found = self.examine(code=1)
        for check in (f"{ADDRESS} PTR", "mx1.lists.example HELO", "lists.example MX", "lists.example SPF", "lists.example DKIM",
                      "lists.example DMARC", "lists.example one-click"):
            self.assertEqual("bad", found[check][0], (check, found))
        self.assertIn(f"25.0.18.198.in-addr.arpa PTR mx1.lists.example", found[f"{ADDRESS} PTR"][1])
        # What it asks for is published.
        records = {key["name"]: key["record"] for key in self.essaim.json("dkim", "create", "lists.example")}
        self.dns.change({"example": HOST + DOMAIN + judges.zone_lines("example", records), "0.18.198.in-addr.arpa": REVERSE})
        self.assertEqual("bad", self.healths(code=1)["lists.example DKIM"], "no key has been seen yet")
        self.essaim.run("dkim", "check", "lists.example")
        self.assertEqual({"good"}, set(self.healths("--blocklist", "bl.test", code=0).values()))
        self.assertEqual("nothing to complain of\n", self.essaim.run("doctor", "--address", ADDRESS, "--problems"))
        # Somebody complained of us.
        self.dns.change({"bl.test": '25.0.18.198 IN A 127.0.0.2\n25.0.18.198 IN TXT "too many bees"\n'})
        found = self.examine("lists.example", "--blocklist", "bl.test", code=1)
        self.assertEqual(("bad", "listed (127.0.0.2): too many bees"), found[f"{ADDRESS} bl.test"])
        # It looks at a server's configuration and database, not at the server.
        self.essaim.stop()
        self.assertEqual({"good"}, set(self.healths(code=0).values()))

    def test_what_is_asked_wrongly_is_refused(self):
        for arguments, words in ((["--address", "bees"], '--address: "bees" is no IP address'),
                                 (["--blocklist", "no name"], '--blocklist: "no name" is no name in DNS')):
            done = self.ask(*arguments)
            self.assertEqual((2, True), (done.returncode, words in done.stderr), done.stderr)
        done = self.ask("other.example")
        self.assertEqual((1, True), (done.returncode, "there is no domain other.example" in done.stderr), done.stderr)

    def test_silent_name_servers_are_told_and_not_waited_for_long(self):
        self.essaim.config.write_text(self.essaim.config.read_text().replace("[dns]\n", '[dns]\ntimeout = "1s"\n'))
        self.dns.pause()
        found = self.healths(code=1)
        self.dns.go_on()
        for check in (f"{ADDRESS} PTR", "mx1.lists.example HELO", "lists.example MX", "lists.example DMARC"):
            self.assertEqual("unknown", found[check], found)


if __name__ == "__main__":
    unittest.main()
