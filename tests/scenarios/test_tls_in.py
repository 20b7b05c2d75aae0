"""Certificates of our own: several by name, changed without a restart, watched, and checked before clients find out."""

import os
import re
import smtplib
import socket
import ssl
import time
import unittest
import urllib.request
import warnings

from support import essaim, processes, sink
from support.submission import ANN, PASSWORD, Site, plain


class TlsIn(processes.Scenario):
    def site(self, **arguments):
        self.sink = self.started(sink.Sink(self.folder))
        self.site = Site(self, self.sink.addresses[0], **arguments)
        self.essaim = self.site.essaim
        self.essaim.make_list("dev@lists.example", [ANN])

    def names_seen(self, server_name=None):
        """Of the certificate that a client gets which asks for this host."""
        context = self.site.context()
        with socket.create_connection(("127.0.0.1", self.site.submissions), timeout=120) as connection:
            with context.wrap_socket(connection, server_hostname=server_name) as secure:
                self.assertTrue(secure.recv(100).startswith(b"220 "))
                return {value for kind, value in secure.getpeercert()["subjectAltName"] if kind == "DNS"}

    def reload(self):
        reloads = len(self.site.events("reloaded"))
        self.essaim.run("reload")
        processes.wait_for("the reload", lambda: len(self.site.events("reloaded")) > reloads, 60)

    def certificate_ends(self):
        """What /metrics says, by file."""
        return {file: float(value) for file, value in re.findall(
            r'^essaim_tls_certificate_expiry_timestamp_seconds\{file="([^"]+)"\} (\S+)$', self.metrics(), re.M)}

    def metrics(self):
        url = f"http://127.0.0.1:{self.essaim.port_of('status')}/metrics"
        return urllib.request.urlopen(url, timeout=120).read().decode()

    def test_the_end_of_certificates_is_a_metric_also_after_a_reload(self):
        self.sink = self.started(sink.Sink(self.folder))
        self.site = Site(self, self.sink.addresses[0], extra_listen='[[listen]]\naddress = "127.0.0.1:0"\nrole = "status"\n')
        self.essaim = self.site.essaim
        now = time.time()
        ends = processes.wait_for("the metric", self.certificate_ends, 60)
        self.assertEqual({str(self.site.pem)}, set(ends))
        self.assertAlmostEqual(now + 30 * 86400, ends[str(self.site.pem)], delta=3600)
        self.site.pem.write_bytes(self.site.authority.issue("short", names=["mx1.lists.example"], days=3).read_bytes())
        self.reload()
        processes.wait_for("the new certificate's end", lambda: abs(
            self.certificate_ends().get(str(self.site.pem), 0) - now - 3 * 86400) < 3600, 60)
        # Logins are counted there, too.
        self.site.client().close()
        with self.assertRaises(smtplib.SMTPResponseException):
            self.site.client(password="wrong words")
        for outcome in ("accepted", "refused"):
            self.assertIn(f'essaim_logins_total{{mechanism="PLAIN",source="database",outcome="{outcome}"}} 1\n', self.metrics())

    def test_certificates_by_name_and_new_ones_while_sessions_go_on(self):
        other = self.folder / "other.pem"
        self.begin_with_two(other)
        self.assertEqual({"mx1.lists.example"}, self.names_seen())
        self.assertEqual({"mx1.lists.example"}, self.names_seen("unknown.example"))
        self.assertEqual({"lists.other.example", "*.wild.example"}, self.names_seen("lists.other.example"))
        self.assertEqual({"lists.other.example", "*.wild.example"}, self.names_seen("a.wild.example"))
        with self.site.client() as client:
            client.mail(ANN)
            # Files are changed beneath a session with a transaction.
            fresh = self.site.authority.issue("fresh", names=["mx1.lists.example", "new.lists.example"])
            self.site.pem.write_bytes(fresh.read_bytes())
            self.reload()
            self.assertEqual({"mx1.lists.example", "new.lists.example"}, self.names_seen())
            client.rcpt("dev@lists.example")
            self.assertEqual(250, client.data(essaim.message(ANN, "dev@lists.example").encode())[0])
            # A file that is broken changes nothing.
            self.site.pem.write_text("nonsense")
            self.essaim.run("reload", check=False)
            self.assertIn(str(self.site.pem), self.essaim.last.stdout + self.essaim.last.stderr)
            self.assertEqual({"mx1.lists.example", "new.lists.example"}, self.names_seen())
            client.sendmail(ANN, ["dev@lists.example"], essaim.message(ANN, "dev@lists.example"))
        self.sink.wait_for(2)

    def begin_with_two(self, other):
        self.sink = self.started(sink.Sink(self.folder))
        self.site = Site(self, self.sink.addresses[0])
        self.essaim = self.site.essaim
        self.essaim.make_list("dev@lists.example", [ANN])
        other.write_bytes(self.site.authority.issue("second", names=["lists.other.example", "*.wild.example"]).read_bytes())
        config = self.essaim.config.read_text()
        self.essaim.config.write_text(config.replace(
            "client_ca", f'certificates = ["{other}"]\nclient_ca'))
        self.reload()

    def test_what_is_wrong_with_the_files_is_told(self):
        self.site()
        check = ["tls", "check", "--ca-file", self.site.authority.pem]

        def findings(pem, code):
            self.site.pem.write_bytes(pem if isinstance(pem, bytes) else pem.read_bytes())
            output = self.essaim.run(*check, check=False)
            self.assertEqual(code, self.essaim.last.returncode, output + self.essaim.last.stderr)
            return output

        issue = self.site.authority.issue
        good = self.site.pem.read_bytes()
        self.site.pem.chmod(0o640)
        output = findings(good, 0)
        self.assertEqual(3, output.count("good"), output)
        self.assertIn("expired on", findings(issue("late", names=["mx1.lists.example"], days=-1), 1))
        self.assertIn("expires on", findings(issue("soon", names=["mx1.lists.example"], days=5), 0))
        self.assertIn("is not for mx1.lists.example but for x.example", findings(issue("other", names=["x.example"]), 0))
        one, two = issue("one", names=["mx1.lists.example"]), issue("two", names=["mx1.lists.example"])
        mixed = one.read_text().partition("-----BEGIN PRIVATE")[0] + "-----BEGIN PRIVATE" + two.read_text().partition("-----BEGIN PRIVATE")[2]
        self.assertIn("the key does not belong to the certificate", findings(mixed.encode(), 1))
        self.assertIn("holds no private key", findings(one.read_text().partition("-----BEGIN PRIVATE")[0].encode(), 1))
        self.assertIn("holds no certificate", findings(b"nonsense\n", 1))
        self.assertIn("self-signed", findings(self.site.authority.self_signed("own", "mx1.lists.example"), 0))
        output = self.essaim.run("tls", "check", "--ca-file", two)
        self.assertIn("self-signed", output)
        findings(good, 0)
        self.essaim.run("tls", "check", "--ca-file", issue("foreign", names=["f.example"]))
        self.site.pem.chmod(0o644)
        self.assertIn("everybody on this machine may read its key", findings(good, 0))
        # The running server tells of what ends.
        findings(issue("soon", names=["mx1.lists.example"], days=5), 0)
        self.reload()
        processes.wait_for("the warning", lambda: self.site.events("certificate-expires"), 60)
        # And starts no handshake that fails, with a key that is none: it does not take it up.
        findings(mixed.encode(), 1)
        self.essaim.run("reload", check=False)
        self.assertNotEqual(0, self.essaim.last.returncode)
        self.site.client().close()
        # Root reads what the server, as its user, will not.
        if os.geteuid() == 0:
            self.essaim.config.write_text('user = "nobody"\n' + self.essaim.config.read_text())
            self.site.pem.chmod(0o600)
            self.assertIn('BAD: user "nobody" cannot read it', findings(good, 1))
            self.essaim.run("config", "check", check=False)
            self.assertEqual(2, self.essaim.last.returncode)
            self.assertIn(f'{self.site.pem}: user "nobody" cannot read it: Permission denied', self.essaim.last.stderr)

    def test_a_client_that_checks_meets_an_expired_certificate(self):
        self.site()
        self.site.pem.write_bytes(self.site.authority.issue("late", names=["mx1.lists.example"], days=-1).read_bytes())
        self.reload()
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.site.client()
        processes.wait_for("the error", lambda: self.site.events("certificate-expired"), 60)
        # The session that the client ended is no trouble for others, and clear text on the TLS port neither.
        with socket.create_connection(("127.0.0.1", self.site.submissions), timeout=120) as connection:
            connection.sendall(b"EHLO x\r\nAUTH PLAIN AGFubgBx\r\n")
            got = connection.recv(1000)
            self.assertFalse(got.startswith(b"2"), got)
        context = ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", self.site.submissions), timeout=120) as connection:
            with context.wrap_socket(connection) as secure:
                self.assertTrue(secure.recv(100).startswith(b"220 "))
                secure.sendall(b"GET / HTTP/1.1\r\n\r\n")
                self.assertTrue(secure.recv(1000).startswith(b"554"))
        # Versions that are out of date, and the oldest that is not.
        for version, good in ((ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
            with self.subTest(version=version), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                old = ssl._create_unverified_context()
                old.set_ciphers("ALL:@SECLEVEL=0")
                old.minimum_version = old.maximum_version = version
                with socket.create_connection(("127.0.0.1", self.site.submissions), timeout=120) as connection:
                    if good:
                        self.assertEqual("TLSv1.2", old.wrap_socket(connection).version())
                    else:
                        with self.assertRaisesRegex(ssl.SSLError, "(?i)version"):
                            old.wrap_socket(connection)
        # BAD-INPUT 4: the end of TLS within whatever the client was at, and clear text behind it.
        login = b"EHLO x\r\nAUTH PLAIN " + plain("ann", PASSWORD).encode() + b"\r\n"
        mail = login + f"MAIL FROM:<{ANN}>\r\nRCPT TO:<dev@lists.example>\r\n".encode()
        for dialogue in (b"", b"EHLO x\r\nAUTH PLAIN\r\n", b"EHLO x\r\nAUTH PL", login, mail, mail + b"DATA\r\n",
                         mail + b"BDAT 1000 LAST\r\nSubject: x\r\n"):
            with self.subTest(dialogue=dialogue), socket.create_connection(("127.0.0.1", self.site.submissions), timeout=120) as connection:
                secure = context.wrap_socket(connection)
                secure.recv(100)
                for line in dialogue.splitlines(keepends=True):
                    secure.sendall(line)
                    if line.startswith((b"EHLO", b"AUTH PLAIN", b"MAIL", b"RCPT", b"DATA")):
                        secure.recv(2000)
                if dialogue.endswith(b"DATA\r\n"):
                    secure.sendall(f"From: {ANN}\r\nSubject: cut\r\n\r\n".encode())
                try:
                    clear = secure.unwrap()
                    clear.sendall(b"\r\n.\r\nQUIT\r\n")
                    self.assertEqual(b"", clear.recv(1000))
                except OSError:
                    pass  # it has closed: as good an end
        self.assertEqual([], self.essaim.json("post", "find", "--list", "dev@lists.example"))
        with socket.create_connection(("127.0.0.1", self.site.submissions), timeout=120) as connection:
            with context.wrap_socket(connection) as secure:
                self.assertTrue(secure.recv(100).startswith(b"220 "))


if __name__ == "__main__":
    unittest.main()
