"""A server with listeners for submission, and how programs of others log in to it."""

import base64
import hashlib
import hmac
import os
import re
import smtplib
import ssl
import subprocess

from . import authority, essaim

PASSWORD = "correct horse"
ANN = "ann@a.example"


class Site:
    """An authority, a server with mx, submission and submissions, and the account "ann"."""

    def __init__(self, scenario, smarthost, settings="", extra_listen="", **arguments):
        folder = scenario.folder
        self.scenario = scenario
        self.authority = authority.Authority(folder)
        self.pem = self.authority.issue("server", names=["mx1.lists.example"])
        self.client_pem = self.authority.issue("ann", emails=[ANN])
        tls = f'certificate = "{self.pem}"\nclient_ca = "{self.authority.pem}"'
        listen = f'certificate = "{self.pem}"\n' + "".join(
            f'[[listen]]\naddress = "127.0.0.1:0"\nrole = "{role}"\n{tls}\n' for role in ("submission", "submissions"))
        listen += extra_listen
        self.essaim = scenario.started(essaim.Essaim(folder, smarthost=smarthost, listen=listen, extra=settings,
                                                     delivery='retry_initial = "300ms"\nretry_max = "300ms"', **arguments))
        self.run = self.essaim.run
        self.account("ann", ANN)

    @property
    def submission(self):
        return self.essaim.port_of("submission")

    @property
    def submissions(self):
        return self.essaim.port_of("submissions")

    def account(self, name, *addresses, options=(), password=PASSWORD):
        named = [part for address in addresses for part in ("--address", address)]
        self.essaim.run("account", "create", name, *named, *options, stdin=password + "\n")

    def context(self, certificate=None):
        context = ssl.create_default_context(cafile=str(self.authority.pem))
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(certificate)
        return context

    def client(self, name="ann", password=PASSWORD, login=True, certificate=None):
        """smtplib under TLS, logged in."""
        return connected(self.submission, self.context(certificate), *((name, password) if login else ()))

    def swaks(self, *arguments, implicit=False, sender=ANN, to="dev@lists.example"):
        port, tls = (self.submissions, "--tls-on-connect") if implicit else (self.submission, "--tls")
        result = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{port}", tls, "--helo", "client.example", "--from", sender, "--to", to,
             "--timeout", "120", *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=180,
            stdin=subprocess.DEVNULL)
        return result.returncode, result.stdout + result.stderr

    def curl(self, message, *arguments, implicit=True, to="dev@lists.example", sender=ANN):
        url = f"smtps://127.0.0.1:{self.submissions}" if implicit else f"smtp://127.0.0.1:{self.submission}"
        file = self.scenario.folder / "message.eml"
        file.write_text(message)
        result = subprocess.run(
            ["curl", "-sv", "--url", url, "--ssl-reqd", "--insecure", "--mail-from", sender, "--mail-rcpt", to,
             "--upload-file", file, "--max-time", "120", *map(str, arguments)], capture_output=True, text=True,
            errors="replace", timeout=180)
        return result.returncode, result.stdout + result.stderr

    def gsasl(self, mechanism, *arguments, name="ann", password=PASSWORD):
        """GNU SASL logs in by STARTTLS, and leaves."""
        result = subprocess.run(
            ["gsasl", "--smtp", "--connect", f"127.0.0.1:{self.submission}", "--hostname", "mx1.lists.example",
             "--mechanism", mechanism, "--authentication-id", name, "--password", password,
             "--starttls", "--x509-ca-file", "", "--verbose", *map(str, arguments)],
            capture_output=True, text=True, errors="replace", timeout=120, stdin=subprocess.DEVNULL)
        return result.returncode, result.stdout + result.stderr

    def events(self, event):
        return re.findall(rf"^.*\b{event} .*$", self.essaim.process.output(), re.M)


def connected(port, context, name=None, password=None, source="127.0.0.1"):
    """smtplib under TLS, from that address, logged in where there is a name."""
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=120, source_address=(source, 0))
    client.starttls(context=context)
    client.ehlo()
    if name is not None:
        # By itself it would try one mechanism after the other.
        code, text = client.docmd("AUTH", "PLAIN " + plain(name, password))
        if code != 235:
            client.close()
            raise smtplib.SMTPResponseException(code, text)
    return client


def scram_plus(client, name, password, kind, binding):
    """SCRAM-SHA-256-PLUS (RFC 7677) by smtplib under TLS, bound by this kind; gives the last reply. A client of ours, since none of
    others at hand binds by tls-server-end-point."""
    def b64(octets):
        return base64.b64encode(octets).decode()

    header, nonce = f"p={kind},,", b64(os.urandom(18))
    bare = f"n={name},r={nonce}"
    code, text = client.docmd("AUTH", "SCRAM-SHA-256-PLUS " + b64((header + bare).encode()))
    if code != 334:
        return code, text.decode()
    first = base64.b64decode(text).decode()
    fields = dict(part.split("=", 1) for part in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    final = f"c={b64(header.encode() + binding)},r={fields['r']}"
    signature = hmac.digest(hashlib.sha256(key).digest(), f"{bare},{first},{final}".encode(), "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature))
    code, text = client.docmd(b64(f"{final},p={b64(proof)}".encode()))
    if code != 334:
        return code, text.decode()
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), f"{bare},{first},{final}".encode(), "sha256")
    assert base64.b64decode(text).decode() == "v=" + b64(server)
    code, text = client.docmd("")
    return code, text.decode()


def plain(name, password, authzid=""):
    return base64.b64encode(f"{authzid}\0{name}\0{password}".encode()).decode()
