"""STARTTLS as server and as client, and what happens when it breaks."""

import ssl
import subprocess
import unittest

from support import essaim, processes, sink


class TlsOnBothSides(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.pem = self.folder / "tls.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=mx1.lists.example", "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"],
            check=True, capture_output=True)
        self.pem.write_text((self.folder / "cert.pem").read_text() + (self.folder / "key.pem").read_text())

    def serve(self, rules=(), options=()):
        self.sink = self.started(sink.Sink(self.folder, rules=rules, options=options))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0],
                                                 listen=f'certificate = "{self.pem}"'))
        self.essaim.make_list("dev@lists.example", ["a@a.example", "b@b.example"], post="anyone")

    def test_a_message_in_and_out_under_tls(self):
        self.serve(options=["--tls", self.pem])
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        context.check_hostname = False
        with self.essaim.client() as client:
            client.starttls(context=context)
            self.assertNotIn("starttls", (client.ehlo(), client.esmtp_features)[1])
            client.sendmail("x@client.example", ["dev@lists.example"], essaim.message("x@client.example", "dev@lists.example"))
        receipts = self.sink.wait_for(2)
        post = self.essaim.json("post", "find", "--list", "dev@lists.example")[0]
        ledger = self.essaim.wait_finished(post["id"])
        self.assertTrue(all("TLSv1" in row["host"] for row in ledger["recipients"]), ledger)
        self.assertIn(b"ESMTPS", self.sink.message_bytes(receipts[0]))

    def test_a_broken_handshake_is_followed_by_delivery_in_clear(self):
        # The sink says 220 to STARTTLS and goes on in clear: no handshake can succeed.
        self.serve(rules=["starttls@*=220 2.0.0 go ahead"], options=["--tls", self.pem])
        with self.essaim.client() as client:
            client.sendmail("x@client.example", ["dev@lists.example"], essaim.message("x@client.example", "dev@lists.example"))
        self.sink.wait_for(2)

    def test_commands_sent_along_with_starttls_are_not_obeyed(self):
        import socket

        self.serve()
        with socket.create_connection(("127.0.0.1", self.essaim.port), timeout=120) as connection:
            connection.recv(1000)
            connection.sendall(b"EHLO x\r\n")
            connection.recv(1000)
            connection.sendall(b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n")
            context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
            context.check_hostname = False
            reply = connection.recv(1000)
            if reply.startswith(b"220"):
                secure = context.wrap_socket(connection)
                secure.sendall(b"RCPT TO:<dev@lists.example>\r\n")
                self.assertTrue(secure.recv(1000).startswith(b"503"))


if __name__ == "__main__":
    unittest.main()
