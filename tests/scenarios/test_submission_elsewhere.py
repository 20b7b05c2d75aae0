"""Passwords that a directory knows (LDAP), tokens that an authorization server knows (OAuth 2.0), and what happens when these are away."""

import base64
import http.server
import smtplib
import threading
import unittest
import urllib.parse

from support import essaim, processes, sink, slapd
from support.submission import ANN, PASSWORD, Site

DIR = "dir@a.example"


class AuthorizationServer:
    """An introspection endpoint (RFC 7662)."""

    name = "authorization-server"

    def __init__(self, folder):
        self.log = folder / "authorization-server.log"
        self.log.write_text("")
        self.status = 200
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.asked.append((self.headers.get("Authorization"), form))
                good = form["token"] == ["good+token/1=="]
                body = b'{"active": true, "username": "ann"}' if good else b'{"active": false}'
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/introspect"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Elsewhere(processes.Scenario):
    def login(self, name, password):
        """The code of the reply, and what the account may do."""
        try:
            with self.site.client(name, password) as client:
                mail = client.mail(DIR)[0]
                relays = client.rcpt("x@elsewhere.example")[0] == 250
                return 235, mail, relays
        except smtplib.SMTPResponseException as error:
            return error.smtp_code, None, None

    def test_a_directory_is_asked_and_its_absence_is_no_refusal(self):
        self.sink = self.started(sink.Sink(self.folder))
        pem = None
        people = [("dir", "from the directory", [DIR, "*@evil.example"]), ("mixed", "from the directory", []),
                  ("ann", "of the directory", [])]
        directory = self.started(slapd.Slapd(self.folder, people, pem))
        self.site = Site(self, self.sink.addresses[0], settings=(
            f'[ldap]\nurl = "{directory.url}"\nbind_dn = "uid={{name}},ou=people,{slapd.BASE}"\ntimeout = "5s"\n'))
        self.essaim = self.site.essaim
        self.site.run("account", "create", "mixed", "--address", DIR, "--no-password", "--may-relay")
        self.assertEqual((235, 250, False), self.login("dir", "from the directory"))
        self.assertEqual((235, 250, True), self.login("mixed", "from the directory"))
        with self.site.client("dir", "from the directory") as client:
            # What people write into their own entry is an address, not a pattern.
            self.assertEqual(553, client.mail("anybody@evil.example")[0])
        self.assertEqual(535, self.login("dir", "wrong words")[0])
        self.assertEqual(535, self.login("nobody", "from the directory")[0])
        self.assertEqual(535, self.login("*", "from the directory")[0])
        self.assertEqual(535, self.login("dir,ou=people", "from the directory")[0])
        # An account with a password of ours is not the directory's.
        self.assertEqual(235, self.login("ann", PASSWORD)[0])
        self.assertEqual(535, self.login("ann", "of the directory")[0])
        directory.stop()
        self.assertEqual(454, self.login("dir", "from the directory")[0])
        self.assertEqual(235, self.login("ann", PASSWORD)[0])
        self.assertIn("LDAP: ", self.site.events("login-trouble")[0])
        directory.start()
        self.assertEqual(235, self.login("dir", "from the directory")[0])
        # Searched for, by who may search.
        password = self.folder / "search.password"
        password.write_text("root\n")
        password.chmod(0o600)
        self.essaim.stop()
        config = self.essaim.config.read_text()
        self.essaim.config.write_text(config.replace(
            f'bind_dn = "uid={{name}},ou=people,{slapd.BASE}"',
            f'base = "{slapd.BASE}"\nfilter = "(|(uid={{name}})(mail={{name}}))"\nsearch_dn = "cn=root,{slapd.BASE}"\n'
            f'search_password_file = "{password}"\nmay_relay = true'))
        self.essaim.start()
        self.assertEqual((235, 250, True), self.login("dir", "from the directory"))
        self.assertEqual((235, 250, True), self.login(DIR, "from the directory"))
        self.assertEqual(535, self.login("*", "from the directory")[0])
        self.assertEqual(535, self.login("dir", "wrong words")[0])

    def test_a_token_stands_for_an_account(self):
        self.sink = self.started(sink.Sink(self.folder))
        server = self.started(AuthorizationServer(self.folder))
        secret = self.folder / "secret"
        secret.write_text("of the client\n")
        secret.chmod(0o600)
        self.site = Site(self, self.sink.addresses[0], settings=(
            f'[oauth]\nurl = "{server.url}"\nclient_id = "essaim"\nsecret_file = "{secret}"\n'))
        self.essaim = self.site.essaim
        self.essaim.make_list("dev@lists.example", [ANN])
        bearer = ["--user", "ann:", "--login-options", "AUTH=OAUTHBEARER", "--oauth2-bearer"]
        status, output = self.site.curl(essaim.message(ANN, "dev@lists.example"), *bearer, "good+token/1==")
        self.assertEqual(0, status, output)
        self.assertIn("AUTH OAUTHBEARER", output)
        self.sink.wait_for(1)
        self.assertEqual("Basic " + base64.b64encode(b"essaim:of the client").decode(), server.asked[0][0])
        status, output = self.site.curl(essaim.message(ANN, "dev@lists.example"), *bearer, "badtoken")
        self.assertNotEqual(0, status, output)
        self.assertIn("535 5.7.8", output)
        server.status = 500
        status, output = self.site.curl(essaim.message(ANN, "dev@lists.example"), *bearer, "good+token/1==")
        self.assertNotEqual(0, status, output)
        self.assertIn("454 4.7.0", output)


if __name__ == "__main__":
    unittest.main()
