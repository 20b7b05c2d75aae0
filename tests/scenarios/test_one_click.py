"""Leaving with one click (RFC 8058): as mail providers do it by HTTP, as people do it on the page, behind HAProxy, and beside clients
that do harm."""

import http.client
import re
import socket
import ssl
import unittest

from support import authenticated, certificate, essaim, haproxy, judges, processes, sink
from support.one_click import PUBLIC, curl, link_in

LIST = "dev@lists.example"
PROXY = "127.0.0.7"
LISTEN = f'[[listen]]\naddress = "127.0.0.1:0"\nrole = "http"\nproxy = ["{PROXY}/32"]\n'
MEMBERS = ["ann@a.example", "bob@b.example", "cyd@c.example", "dan@d.example", "eve@e.example"]


def raw(port, octets, end=True):
    """All that the server says to that."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(octets)
        if end:
            connection.shutdown(socket.SHUT_WR)
        said = b""
        while True:
            try:
                more = connection.recv(65536)
            except ConnectionError:
                return said
            if not more:
                return said
            said += more


class OneClick(processes.Scenario):
    def serve(self, listen=LISTEN, http="", settings=(), **options):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(
            self.folder, smarthost=self.sink.addresses[0], listen=listen, extra=f'[http]\nbase_url = "{PUBLIC}"\n{http}\n', **options))
        self.essaim.make_list(LIST, MEMBERS, post="anyone", **dict(settings))
        self.port = self.essaim.port_of("http")

    def links(self):
        """Posts, and gives the link in each member's copy."""
        before = len(self.sink.receipts())
        members = self.members()
        reply = self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        self.assertEqual(250, reply[0], reply)
        receipts = self.sink.wait_for(before + len(members))[before:]
        return {r.recipient: link_in(self.sink.message(r)) for r in receipts}

    def members(self):
        return {row["address"] for row in self.essaim.json("member", "list", LIST, "--role", "member")}

    def departures(self):
        return {row["address"]: row for row in self.essaim.json("member", "left", LIST)}

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def test_providers_and_people_leave_scanners_change_nothing_and_it_is_told_who_left_how(self):
        self.serve(settings={"tell_left": "true", "goodbye": "false"})
        links = self.links()
        self.assertEqual(len(MEMBERS), len(set(links.values())))
        for path in links.values():
            self.assertNotRegex(path, r"example|%40|@")
        # A scanner follows every link, with whatever it likes.
        for path in links.values():
            for options in ((), ("-I",), ("-X", "GET", "-d", "List-Unsubscribe=One-Click"), ("-A", "scanner", "-H", "Accept-Language: fr")):
                self.assertEqual(200, curl(self.url(path), *options)[0])
            self.assertEqual(405, curl(self.url(path), "-X", "PUT", "-d", "List-Unsubscribe=One-Click")[0])
            self.assertEqual(405, curl(self.url(path), "-X", "OPTIONS")[0])
        self.assertEqual(set(MEMBERS), self.members())

        # As providers do: no cookie, no redirect, and the answer when it is done.
        for _ in range(2):
            status, header, _ = curl(self.url(links["ann@a.example"]), "-d", "List-Unsubscribe=One-Click")
            self.assertEqual(200, status)
            self.assertNotIn("set-cookie", header)
            self.assertNotIn("location", header)
        self.assertEqual(200, curl(self.url(links["bob@b.example"]), "-F", "List-Unsubscribe=One-Click")[0])
        # As a person does, in French.
        status, header, page = curl(self.url(links["cyd@c.example"]), "-H", "Accept-Language: fr-FR,fr;q=0.9")
        self.assertIn("Quitter la liste", page)
        for needed in ("content-security-policy: default-src 'none'; style-src 'self'", "x-content-type-options: nosniff",
                       "referrer-policy: no-referrer", "cache-control: no-store", "content-language: fr"):
            self.assertIn(needed, header)
        style = re.search(r'href="\.\./(static/[^"]+)"', page).group(1)
        status, header, _ = curl(self.url(f"/{style}"))
        self.assertEqual(200, status)
        self.assertIn("immutable", header)
        status, _, page = curl(self.url(links["cyd@c.example"]), "-d", "action=leave", "-H", "Accept-Language: fr")
        self.assertEqual(200, status)
        self.assertIn("Vous avez quitté", page)
        # And by mail.
        receipt = next(r for r in self.sink.receipts() if r.recipient == "dan@d.example")
        leave = re.search(r"<mailto:([^>]+)>", str(self.sink.message(receipt)["List-Unsubscribe"])).group(1)
        self.assertEqual(250, self.essaim.post("dan@d.example", leave, essaim.message("dan@d.example", leave))[0])
        self.assertEqual({"eve@e.example"}, self.members())

        how = {address: row["how"] for address, row in self.departures().items()}
        self.assertEqual({"ann@a.example": "one-click", "bob@b.example": "one-click", "cyd@c.example": "page", "dan@d.example": "mail"}, how)
        self.assertEqual("127.0.0.1", self.departures()["ann@a.example"]["client"])
        told = processes.wait_for("the owner's mail", lambda: len(t := [r for r in self.sink.receipts() if r.recipient == "owner@people.example"]) == 4 and t)
        texts = "".join(self.sink.message_bytes(receipt).decode() for receipt in told)
        self.assertIn("ann@a.example has left dev@lists.example, by the button of a mail program", texts)
        log = self.essaim.process.output()
        self.assertRegex(log, r" left .*member=ann@a\.example by=one-click client=127\.0\.0\.1 result=left")
        self.assertRegex(log, r" left .*by=one-click .*result=\"?was no member")
        # The log has no token that somebody could use.
        for path in links.values():
            self.assertNotIn(path.rpartition("/")[2], log)
        self.assertIn("path=/unsubscribe/* status=200", log)

    def test_a_retired_key_ends_its_links_and_a_wrong_one_is_no_page_of_anybody(self):
        self.serve()
        links = self.links()
        self.assertEqual("signs", self.essaim.json("leave-key", "list")[0]["state"])
        self.essaim.run("leave-key", "rotate")
        self.assertEqual(200, curl(self.url(links["ann@a.example"]), "-d", "List-Unsubscribe=One-Click")[0])
        self.essaim.run("leave-key", "retire", "0")
        for options in ((), ("-d", "List-Unsubscribe=One-Click")):
            status, _, page = curl(self.url(links["bob@b.example"]), *options)
            self.assertEqual(410, status)
            self.assertIn("mailto:dev-unsubscribe@lists.example", page)
            self.assertEqual(404, curl(self.url("/unsubscribe/0nonsense"), *options)[0])
        self.assertIn("bob@b.example", self.members())
        self.assertEqual({"retired", "signs"}, {row["state"] for row in self.essaim.json("leave-key", "list")})
        self.essaim.stop()
        self.essaim.start(same_ports=True)
        self.assertEqual(200, curl(self.url(self.links()["bob@b.example"]), "-d", "List-Unsubscribe=One-Click")[0])
        self.assertNotIn("bob@b.example", self.members())

    def test_behind_haproxy_with_tls_the_client_is_the_one_that_the_proxy_names(self):
        port = processes.free_port()
        self.serve(listen=LISTEN)
        pem = certificate.make(self.folder, "lists.example")
        self.started(haproxy.HAProxy(self.folder, f"""
global
    log stdout format raw local0 info
defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend https
    bind 127.0.0.1:{port} ssl crt {pem}
    default_backend essaim
backend essaim
    source {PROXY}
    server node1 127.0.0.1:{self.port}
"""))
        processes.wait_for("haproxy", lambda: processes.accepts_connections("127.0.0.1", port))
        links = self.links()

        def through(path, *options):
            return curl(f"https://lists.example:{port}{path}", "--resolve", f"lists.example:{port}:127.0.0.1", "--cacert", str(self.folder / "lists.example.crt"), *options)

        self.assertEqual(200, through(links["ann@a.example"])[0])
        self.assertEqual(200, through(links["ann@a.example"], "-d", "List-Unsubscribe=One-Click", "--interface", "127.0.0.44")[0])
        # What a client claims is not believed, neither behind the proxy nor without it.
        self.assertEqual(200, through(links["bob@b.example"], "-d", "List-Unsubscribe=One-Click", "--interface", "127.0.0.45", "-H", "X-Forwarded-For: 192.0.2.1")[0])
        self.assertEqual(200, curl(self.url(links["cyd@c.example"]), "-d", "List-Unsubscribe=One-Click", "-H", "X-Forwarded-For: 192.0.2.2")[0])
        clients = {address: row["client"] for address, row in self.departures().items()}
        self.assertEqual({"ann@a.example": "127.0.0.44", "bob@b.example": "127.0.0.45", "cyd@c.example": "127.0.0.1"}, clients)

    def test_its_own_tls_and_a_new_certificate_without_a_restart(self):
        pem = certificate.make(self.folder, "lists.example")
        self.serve(listen=f'[[listen]]\naddress = "127.0.0.1:0"\nrole = "http"\ncertificate = "{pem}"\n')
        links = self.links()

        def fingerprint():
            return ssl.get_server_certificate(("127.0.0.1", self.port))

        options = ("--resolve", f"lists.example:{self.port}:127.0.0.1", "--cacert", str(self.folder / "lists.example.crt"))
        url = f"https://lists.example:{self.port}"
        self.assertEqual(200, curl(url + links["ann@a.example"], *options)[0])
        self.assertEqual(200, curl(url + links["ann@a.example"], *options, "-d", "List-Unsubscribe=One-Click")[0])
        self.assertNotIn("ann@a.example", self.members())
        before = fingerprint()
        certificate.make(self.folder, "lists.example")
        self.essaim.run("reload")
        self.assertNotEqual(before, fingerprint())
        self.assertEqual(200, curl(url + links["bob@b.example"], *options)[0])

    def test_slow_and_malformed_clients_hurt_nobody_while_mail_flows(self):
        self.serve(http='connections = 20\nconnections_per_client = 0\nrequest_timeout = "3s"\nidle_timeout = "3s"')
        links = self.links()
        path = links["ann@a.example"].encode()
        slow = []
        for i in range(60):
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=120)
            connection.sendall([b"", b"P", b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-Unsub"][i % 3])
            slow.append(connection)
        for octets, status in [
            (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n", b"431"),
            (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", b"414"), (b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"413"),
            (b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"400"), (b"BREW " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
            (b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
            (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"404"), (b"GET /static/../templates/page.html HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        ]:
            said = raw(self.port, octets)  # a place is found, though they are all taken
            self.assertTrue(said.startswith(b"HTTP/1.1 " + status), (octets[:60], said[:200]))
        # Mail and other clients go on meanwhile.
        for number in range(5):
            self.assertEqual(250, self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))[0])
        self.sink.wait_for(6 * len(MEMBERS))
        self.assertEqual(200, curl(self.url(links["bob@b.example"]), "-d", "List-Unsubscribe=One-Click")[0])
        self.assertEqual(set(MEMBERS) - {"bob@b.example"}, self.members(), "half a request is none")
        # Those that never end their requests are gone by themselves.
        for connection in slow:
            while True:
                try:
                    if not connection.recv(4096):
                        break
                except ConnectionError:
                    break
            connection.close()
        # Kept alive, one connection serves many.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        for _ in range(20):
            connection.request("GET", links["ann@a.example"])
            answer = connection.getresponse()
            self.assertEqual(200, answer.status)
            answer.read()
        connection.close()


class Signed(authenticated.Authenticated):
    def test_both_fields_are_covered_by_a_signature_that_others_verify(self):
        configuration = self.essaim.config
        configuration.write_text(f'{configuration.read_text()}\n[http]\nbase_url = "{PUBLIC}"\n')
        self.essaim.make_list(LIST, ["ann@a.example"], post="anyone")
        self.make_keys("rsa", "ed25519")
        self.restart()
        (message,) = self.receive(self.essaim.post("x@people.example", LIST, essaim.message("x@people.example", LIST)), 1)
        self.assertIn(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", message)
        self.assertEqual([True, True], [good for _, _, good in judges.dkimpy("dkim", message, self.records)])
        signatures = re.findall(rb"(?m)^DKIM-Signature:(?:[^\n]*\n(?=[ \t]))*[^\n]*\n", message)
        self.assertEqual(2, len(signatures))
        for signature in signatures:
            covered = re.search(rb"h=([^;]+);", signature).group(1)
            names = [name.strip().lower() for name in covered.split(b":")]
            self.assertIn(b"list-unsubscribe", names)
            self.assertIn(b"list-unsubscribe-post", names)
        for changed in (message.replace(b"/unsubscribe/0", b"/unsubscribe/1", 1), message.replace(b"=One-Click\r\n", b"=Two-Clicks\r\n", 1)):
            self.assertNotEqual(message, changed)
            self.assertNotIn(True, [good for _, _, good in judges.dkimpy("dkim", changed, self.records)])
        # So does a post that a moderator, or the operator at the shell, lets pass later.
        self.essaim.run("list", "set", LIST, "send=editorkey", "tell_held=false")
        self.essaim.run("member", "add", LIST, "--role", "editor", "ed@a.example")
        text = essaim.message("x@people.example", LIST, subject="Held")
        self.assertIn("waits for a moderator", self.essaim.post("x@people.example", LIST, text)[1])
        self.essaim.run("held", "approve", self.essaim.json("held", "list")[0]["id"])

        def released():
            return [m for m in map(self.sink.message_bytes, self.sink.receipts()) if b"X-Validation-by: the operator" in m]

        (message,) = processes.wait_for("what was released", released)
        self.assertIn(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", message)
        self.assertEqual([True, True], [good for _, _, good in judges.dkimpy("dkim", message, self.records)])
        # Without the secret that opens the keys it would not: then nothing is decided.
        self.assertIn("waits for a moderator", self.essaim.post("x@people.example", LIST, essaim.message("x@people.example", LIST, subject="Held too"))[1])
        secret = self.folder / "secret"
        secret.rename(self.folder / "hidden")
        self.essaim.run("held", "approve", self.essaim.json("held", "list")[0]["id"], check=False)
        self.assertIn(str(secret), self.essaim.last.stderr)
        self.assertEqual("waits", self.essaim.json("held", "list")[0]["state"])
        configuration.write_text(configuration.read_text().replace(f'key_file = "{secret}"', ""))
        self.essaim.run("held", "approve", self.essaim.json("held", "list")[0]["id"], check=False)
        self.assertIn("posts of lists.example are signed, and the secret of the keys is not at hand here", self.essaim.last.stderr)
        self.essaim.run("held", "reject", self.essaim.json("held", "list")[0]["id"])


if __name__ == "__main__":
    unittest.main()
