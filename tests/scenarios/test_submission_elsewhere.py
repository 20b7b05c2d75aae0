"""Passwords that a directory knows (LDAP), tokens that an authorization server knows (OAuth 2.0), and what happens when these are away."""

import base64
import http.server
import json
import smtplib
import subprocess
import threading
import time
import unittest
import urllib.parse

from support import authority, essaim, processes, sink, slapd
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


class KeyServer:
    """The keys of an authorization server (RFC 7517) over HTTP, and its tokens: made by PyJWT."""

    name = "key-server"
    PYTHON = "/usr/bin/python3"  # Debian's, with its python3-jwt
    MAKE_KEY = """if True:
        import json, sys, jwt
        from cryptography.hazmat.primitives import serialization as s
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        make = {"RS256": lambda: rsa.generate_private_key(65537, 2048), "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                "EdDSA": ed25519.Ed25519PrivateKey.generate}
        key = make[sys.argv[1]]()
        own = jwt.algorithms.get_default_algorithms()[sys.argv[1]]
        if sys.argv[1] == "ES256":  # its PyJWT writes no such key
            n, b64 = key.public_key().public_numbers(), jwt.utils.base64url_encode
            public = {"kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(32, "big")).decode(), "y": b64(n.y.to_bytes(32, "big")).decode()}
        else:
            public = json.loads(own.to_jwk(key.public_key()))
            public.pop("key_ops", None)
        pem = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode()
        print(json.dumps([public, pem]))"""
    MAKE_TOKEN = """if True:
        import json, sys, jwt
        claims, pem, algorithm, kid = json.load(sys.stdin)
        print(jwt.encode(claims, pem, algorithm=algorithm, headers={"kid": kid}))"""

    def __init__(self, folder):
        self.log = folder / "key-server.log"
        self.log.write_text("")
        self.keys, self.asked = {}, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                body = json.dumps({"keys": [{"kid": name, **public} for name, (_, public, _) in outer.keys.items()]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _python(self, program, *arguments, stdin=""):
        return subprocess.run([self.PYTHON, "-c", program, *arguments], input=stdin, capture_output=True, text=True, check=True).stdout

    def publish(self, name, algorithm):
        public, pem = json.loads(self._python(self.MAKE_KEY, algorithm))
        self.keys[name] = (algorithm, public, pem)

    def token(self, key, kid=None, **claims):
        algorithm, _, pem = self.keys[key]
        every = {"iss": "https://id.example", "aud": ["smtp", "imap"], "sub": "ann", "exp": int(time.time()) + 300, **claims}
        return self._python(self.MAKE_TOKEN, stdin=json.dumps([every, pem, algorithm, kid or key])).strip()

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

    def reload(self):
        reloads = len(self.site.events("reloaded"))
        self.essaim.run("reload")
        processes.wait_for("the reload", lambda: len(self.site.events("reloaded")) > reloads, 60)
        self.assertIn('needs_restart=""', self.site.events("reloaded")[-1])

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
        with self.site.client() as client:
            self.assertNotIn("SCRAM", client.esmtp_features["auth"], "no password of the directory passes it")
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
        config = self.essaim.config.read_text()
        self.essaim.config.write_text(config.replace(
            f'bind_dn = "uid={{name}},ou=people,{slapd.BASE}"',
            f'base = "{slapd.BASE}"\nfilter = "(|(uid={{name}})(mail={{name}}))"\nsearch_dn = "cn=root,{slapd.BASE}"\n'
            f'search_password_file = "{password}"\nmay_relay = true'))
        self.reload()
        self.assertEqual((235, 250, True), self.login("dir", "from the directory"))
        # A secret that cannot be read any more, as by a user who is not root, stays as it was.
        password.unlink()
        self.reload()
        self.assertIn(str(password), self.site.events("secret-not-read")[0])
        self.assertEqual((235, 250, True), self.login(DIR, "from the directory"))
        self.assertEqual(535, self.login("*", "from the directory")[0])
        self.assertEqual(535, self.login("dir", "wrong words")[0])

    def test_passwords_go_to_the_directory_under_tls_and_only_to_the_right_one(self):
        self.sink = self.started(sink.Sink(self.folder))
        folder = self.folder / "directory"
        folder.mkdir()
        ours, other = authority.Authority(folder), self.folder / "other.pem"
        pem = ours.issue("ldap", addresses=["127.0.0.1"])
        other.write_bytes(ours.self_signed("other", "directory.example").read_bytes())
        directory = self.started(slapd.Slapd(folder, [("dir", "from the directory", [DIR])], pem, ours.pem))
        named, secure = directory.url, directory.secure_url

        def settings(url, ca_file, more=""):
            return f'[ldap]\nurl = "{url}"\nca_file = "{ca_file}"\nbind_dn = "uid={{name}},ou=people,{slapd.BASE}"\n{more}'

        present = settings(secure, ours.pem)
        self.site = Site(self, self.sink.addresses[0], settings=present)
        self.essaim = self.site.essaim
        self.assertEqual((235, 250, False), self.login("dir", "from the directory"))
        for url, ca_file, more, code in (
                (named, ours.pem, "starttls = true\n", 235), (secure, other, "", 454), (named, other, "starttls = true\n", 454),
                # The certificate is not for this name.
                (secure.replace("127.0.0.1", "127.0.0.2"), ours.pem, "", 454), (secure, ours.pem, "", 235)):
            with self.subTest(url=url, ca_file=ca_file.name):
                following = settings(url, ca_file, more)
                self.essaim.config.write_text(self.essaim.config.read_text().replace(present, following))
                present = following
                self.reload()
                self.assertEqual(code, self.login("dir", "from the directory")[0])
        self.assertEqual(3, len(self.site.events("login-trouble")))

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


    def test_tokens_are_judged_by_the_keys_of_their_server_while_it_is_there_and_for_a_while_after(self):
        self.sink = self.started(sink.Sink(self.folder))
        server = self.started(KeyServer(self.folder))
        self.site = Site(self, self.sink.addresses[0], settings=(
            f'[oauth]\njwks_url = "{server.url}"\nissuer = "https://id.example"\naudience = "smtp"\nclaim = "sub"\n'))
        self.essaim = self.site.essaim
        self.essaim.make_list("dev@lists.example", [ANN])

        def log_in(token, code):
            status, output = self.site.curl(essaim.message(ANN, "dev@lists.example"), "--user", "ann:", "--login-options",
                                            "AUTH=OAUTHBEARER", "--oauth2-bearer", token)
            self.assertIn(code, output)
            self.assertEqual(code.startswith("235"), status == 0, output)

        server.publish("first", "RS256")
        server.publish("second", "ES256")
        server.publish("third", "EdDSA")
        for key in ("first", "second", "third"):
            log_in(server.token(key), "235 2.7.0")
        self.assertEqual(1, server.asked)
        now = int(time.time())
        for claims, why in (({"iss": "https://evil.example"}, "another issuer"), ({"aud": "imap"}, "another audience"),
                            ({"exp": now - 120}, "its time is over"), ({"nbf": now + 600}, "its time has not begun"),
                            ({"sub": "nobody"}, "no account for nobody")):
            log_in(server.token("first", **claims), "535 5.7.8")
            self.assertIn(why, self.site.events("login-failed")[-1])
        # A clock that is some seconds wrong is no reason (how many: test_json_web_token.cc).
        now = int(time.time())
        log_in(server.token("second", exp=now - 1, nbf=now - 300), "235 2.7.0")
        log_in(server.token("second", nbf=now + 10), "235 2.7.0")
        log_in(server.token("first", kid="second"), "535 5.7.8")
        log_in(server.token("first", kid="invented"), "535 5.7.8")
        log_in("nonsense", "535 5.7.8")
        self.assertEqual(1, server.asked)  # not anew within a minute, whatever ids are invented
        server.stop()
        log_in(server.token("third"), "235 2.7.0")
        # Without keys nobody can say what a token is worth: that is no refusal.
        self.essaim.stop()
        self.essaim.start()
        log_in(server.token("third"), "454 4.7.0")
        self.assertIn("the key set cannot be had", self.site.events("login-trouble")[-1])


if __name__ == "__main__":
    unittest.main()
