"""Behind HAProxy: the client's own address counts, in the log, the limits and the Received field, and the balancer's checks
do not. And hostile octets where a PROXY header is expected, or is not."""

import contextlib
import os
import smtplib
import socket
import ssl
import struct
import subprocess
import unittest

from support import certificate, essaim, haproxy, hostile, processes, sink
from support.hostile import Wait
from support.one_click import PUBLIC, curl, link_in

LIST = "dev@lists.example"
CLIENT, OTHER = "127.9.9.9", "127.9.9.8"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXIED = f'proxy = ["{haproxy.ADDRESS}/32"]'
EXAMPLE = processes.ROOT / "contrib" / "haproxy" / "haproxy.cfg"
HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r\n"


def version2(command, family, rest, length=None):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest) if length is None else length) + rest


IPV4 = bytes([192, 0, 2, 1, 198, 51, 100, 2]) + struct.pack(">HH", 4660, 25)


class Balanced(processes.Scenario):
    def serve(self, extra="", **options):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], extra=extra, listen=PROXIED, **options))
        self.essaim.make_list(LIST, ["m@m.example"], post="anyone")
        self.sent = 0

    def client(self, port, address):
        return smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=120, source_address=(address, 0))

    def post(self, client):
        self.sent += 1
        client.sendmail("x@client.example", [LIST], essaim.message("x@client.example", LIST))
        return self.sink.message_bytes(self.sink.wait_for(self.sent)[-1]).decode()


class BehindHAProxy(Balanced):
    def put_haproxy_before_it(self, proxy):
        self.port = processes.free_port()
        self.haproxy = self.started(haproxy.HAProxy(self.folder, haproxy.smtp_checked(self.port, f"127.0.0.1:{self.essaim.port}", proxy)))
        processes.wait_for("haproxy to listen", lambda: processes.accepts_connections("127.0.0.1", self.port))

    def check(self, proxy):
        self.serve(extra="[limits]\nexempt = []\nconnections_per_client = 2\nerror_rate = 5\njunk_rate = 5\n")
        self.put_haproxy_before_it(proxy)
        with self.client(self.port, CLIENT) as client:
            received = self.post(client)
        self.assertIn(f"[{CLIENT}]", received)
        self.assertNotIn(haproxy.ADDRESS, received)
        log = self.essaim.process.output()
        self.assertRegex(log, rf"connect .*client=unknown\[{CLIENT}\] .*proxy={haproxy.ADDRESS}:")
        self.assertRegex(log, rf"received .*client=unknown\[{CLIENT}\] .*proxy={haproxy.ADDRESS}:")
        # Each client has its own limits, and none has the balancer's. The first one's end comes by way of the balancer.
        processes.wait_for("the end of the first", lambda: f"disconnect client=unknown[{CLIENT}]" in self.essaim.process.output())
        with self.client(self.port, CLIENT), self.client(self.port, CLIENT):
            with self.assertRaises(smtplib.SMTPConnectError) as refused:
                self.client(self.port, CLIENT)
            self.assertEqual(421, refused.exception.smtp_code)
            with self.client(self.port, OTHER) as other:
                self.assertEqual(250, other.noop()[0])
        # Many checks later the server is still up, and no line of the log was spent on them.
        checks = lambda: self.essaim.process.output().count("balancer-check") + self.essaim.process.output().count("haproxy.example")
        self.assertEqual(0, checks(), "a check was logged at the usual level")
        self.essaim.run("log", "level", "debug")
        processes.wait_for("twenty more checks", lambda: checks() >= 20)
        log = self.essaim.process.output()
        self.assertNotIn(f"client=unknown[{haproxy.ADDRESS}] helo=haproxy.example reply", log)
        self.assertNotIn("Server essaim/node1 is DOWN", self.haproxy.process.output())
        self.assertNotIn(" warning ", log[log.index("listening address"):])
        self.haproxy.stop()

    def test_version_1_carries_the_client_and_checks_are_nobodys_error(self):
        self.check("send-proxy")

    def test_version_2_carries_the_client_and_checks_are_nobodys_error(self):
        self.check("send-proxy-v2")


# name, steps, what the server says: codes, or nothing at all
FROM_THE_BALANCER = [
    ("v1", [HEADER, Wait("220"), b"NOOP\r\n"], "220 250"),
    ("v1_with_its_first_command", [HEADER + b"EHLO x\r\nNOOP\r\n"], "220 250 250"),
    ("v1_unknown", [b"PROXY UNKNOWN\r\nNOOP\r\n"], "220 250"),
    ("v1_of_108_octets", [b"PROXY UNKNOWN " + b"x" * 92 + b"\r\nNOOP\r\n"], ""),
    ("v1_endless", [b"PROXY TCP4 " + b"1" * 100_000], ""),
    ("v1_bad_port", [b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\nNOOP\r\n"], ""),
    ("v1_bare_lf", [b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\nNOOP\r\n"], ""),
    ("v2", [version2(0x21, 0x11, IPV4) + b"NOOP\r\n"], "220 250"),
    ("v2_local", [version2(0x20, 0, b"") + b"NOOP\r\n"], "220 250"),
    ("v2_length_beyond_data", [version2(0x21, 0x11, IPV4, 4000)], ""),
    ("v2_of_64_kb", [version2(0x21, 0x11, IPV4, 65_535)], ""),
    ("v2_tlv_overrun", [version2(0x21, 0x11, IPV4 + b"\x04\xff\xff") + b"NOOP\r\n"], ""),
    ("v2_datagram", [version2(0x21, 0x12, IPV4) + b"NOOP\r\n"], ""),
    ("header_twice", [HEADER + HEADER + b"NOOP\r\n"], "220 554"),
    ("both_versions", [HEADER + version2(0x21, 0x11, IPV4) + b"NOOP\r\n"], "220 554"),
    ("no_header", [b"EHLO x\r\n"], ""),
    ("tls_first", [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"], ""),
    ("silence", [3], ""),
    ("octet_by_octet", [step for octet in HEADER[:8] for step in (bytes([octet]), 0.4)], ""),
    ("cut_in_the_middle", [HEADER[:20]], ""),
]
FROM_ANYBODY = [
    ("v1", [Wait("220"), HEADER + b"NOOP\r\n"], "220 554"),
    ("v1_early", [HEADER + b"NOOP\r\n"], "220 554"),
    ("v2", [version2(0x21, 0x11, IPV4) + b"NOOP\r\n"], "220 554"),
    ("lower_case", [Wait("220"), b"proxy tcp4 192.0.2.1 198.51.100.2 4660 25\r\nNOOP\r\n"], "220 554"),
]


class HostileHeaders(Balanced):
    def play(self, address, steps):
        peer = hostile.Peer(self.essaim.port, source=address)
        with peer:
            peer.play(steps)
            with contextlib.suppress(OSError):  # it may have closed already
                peer.socket.shutdown(socket.SHUT_WR)
            return peer.rest()

    def test_only_a_proper_header_from_the_balancer_opens_a_session(self):
        self.serve(extra="[balancer]\nproxy_timeout = \"2s\"\n")
        for address, rows in ((haproxy.ADDRESS, FROM_THE_BALANCER), (CLIENT, FROM_ANYBODY)):
            for name, steps, codes in rows:
                with self.subTest(name=name, address=address):
                    self.assertEqual(codes, " ".join(self.play(address, steps)))
        with self.client(self.essaim.port, CLIENT) as client:
            self.assertNotIn("192.0.2.1", self.post(client))
        log = self.essaim.process.output()
        for why in ("does not end after 107 octets", "bad port", "does not end with CRLF", "a TLV that does not end", "65551 octets",
                    "of a datagram", "no PROXY header at the beginning", "no PROXY header came", "a PROXY header that does not end",
                    "within the PROXY header"):
            self.assertRegex(log, rf"proxy-header-refused .*proxy={haproxy.ADDRESS}:\d+ .*{why}")


class Example(processes.Scenario):
    """contrib/haproxy with the ports for authors and the pages, which are not set in it; the others use it as it stands."""

    def test_it_is_valid_with_submission_and_pages(self):
        settings = {"ESSAIM_SUBMISSION_BIND": "127.0.0.1:587,127.0.0.1:465", "ESSAIM_WEB_BIND": "127.0.0.1:443",
                    "ESSAIM_WEB_CERTIFICATE": str(certificate.make(self.folder))}
        command = ["haproxy", "-c", "-V", "-f", str(EXAMPLE)]
        result = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
        self.assertEqual(0, result.returncode, result.stdout + result.stderr)
        self.assertNotIn("WARNING", result.stdout + result.stderr)

    def test_no_client_keeps_others_from_the_pages_and_its_log_has_no_link_in_it(self):
        node, port = "127.0.0.81", processes.free_port()
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(
            self.folder, smarthost=self.sink.addresses[0], extra=f'[http]\nbase_url = "{PUBLIC}"\nconnections = 5\n',
            listen=f'[[listen]]\naddress = "{node}:8080"\nrole = "http"\nproxy = ["{haproxy.ADDRESS}/32"]\n'
                   '[[listen]]\naddress = "127.0.0.1:0"\nrole = "status"\n'))
        self.essaim.make_list(LIST, ["m@m.example"], post="anyone")
        self.assertEqual(250, self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))[0])
        link = link_in(self.sink.message(self.sink.wait_for(1)[0]))
        pem = certificate.make(self.folder, "lists.example")
        environment = {"ESSAIM_BIND": f"127.0.0.1:{processes.free_port()}", "ESSAIM_SOURCE": haproxy.ADDRESS, "ESSAIM_CONNECTIONS": "1000",
                       "ESSAIM_WEB_BIND": f"127.0.0.1:{port}", "ESSAIM_WEB_CERTIFICATE": str(pem)}
        for number in (1, 2, 3):
            environment[f"ESSAIM_HOST{number}"] = node
            environment[f"ESSAIM_STATUS{number}"] = f"127.0.0.1:{self.essaim.port_of('status')}"
        balancer = self.started(haproxy.HAProxy(self.folder, EXAMPLE, environment))
        processes.wait_for("haproxy", lambda: processes.accepts_connections("127.0.0.1", port))
        context = ssl.create_default_context(cafile=self.folder / "lists.example.crt")
        context.check_hostname = False

        def half():
            connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=120, source_address=(OTHER, 0)))
            connection.sendall(f"POST {link} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList".encode())
            return connection

        with contextlib.ExitStack() as attack:
            with self.assertRaises(OSError):  # beyond 50 connections
                for _ in range(200):
                    attack.enter_context(half())
            clicked = curl(f"https://lists.example:{port}{link}", "--resolve", f"lists.example:{port}:127.0.0.1", "--interface", CLIENT,
                           "--cacert", str(self.folder / "lists.example.crt"), "-d", "List-Unsubscribe=One-Click")
            self.assertEqual(200, clicked[0])
        (left,) = self.essaim.json("member", "left", LIST)
        self.assertEqual(CLIENT, left["client"])
        self.assertNotIn("http-refused", self.essaim.process.output(), "no half of a request came through")
        processes.wait_for("its log", lambda: '"POST /unsubscribe/* HTTP/1.1"' in balancer.process.output())
        self.assertNotIn(link.rpartition("/")[2], balancer.process.output())


if __name__ == "__main__":
    unittest.main()
