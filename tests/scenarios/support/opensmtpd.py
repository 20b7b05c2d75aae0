"""OpenSMTPD from Debian's package in a small root directory of its own: an MX with a maildir, and a client that posts."""

import os
import shutil
import stat
import subprocess

from . import processes


class OpenSmtpd:
    name = "opensmtpd"

    def __init__(self, folder, address, port, domains=(), relayhost="", tls=None):
        """Receives for `domains` on address:port; mail to elsewhere goes to `relayhost` ("127.0.0.1:2525")."""
        self.folder = folder / "opensmtpd"
        self.root = self.folder / "root"
        self.log = self.folder / "log"
        self.folder.mkdir()
        self.address, self.port = address, port
        shutil.copytree(processes.NEIGHBOURS / "opensmtpd", self.root, symlinks=True)
        for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            os.mknod(self.root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            (self.root / "dev" / name).chmod(0o666)
        (self.root / "tmp").chmod(0o1777)
        (self.root / "mail").chmod(0o755)
        os.chown(self.root / "mail", 703, 703)
        self.mail = self.root / "mail/box"
        pki = ""
        listen = f"listen on {address} port {port} hostname opensmtpd.example%s"
        if tls:
            shutil.copy(tls, self.root / "etc/tls.pem")
            (self.root / "etc/tls.pem").chmod(0o600)
            pki = 'pki own cert "/etc/tls.pem"\npki own key "/etc/tls.pem"\n'
            listen += " tls pki own"
        self._text = f'{pki}table everybody {{ "127.0.0.0/8" }}\ntable virtuals {{ "@" = "vmail" }}\n'
        self._text += 'filter "later" phase rcpt-to match src <everybody> reject "451 4.7.1 later"\n' + listen + "\n"
        self._text += 'action "in" maildir "/mail/box" virtual <virtuals>\n'
        if domains:
            self._text += "match from any for domain { %s } action \"in\"\n" % ", ".join(f'"{domain}"' for domain in domains)
        if relayhost:
            # With a certificate of ours the peer's is wanted too, though nobody has signed it.
            scheme, option = ("smtp+tls", " tls no-verify") if tls else ("smtp", "")
            self._text += f'action "out" relay host "{scheme}://{relayhost}"{option}\nmatch from any for any action "out"\n'
        self._start("")

    def _start(self, filters):
        (self.root / "etc/smtpd.conf").write_text(self._text.replace("%s", filters))
        (self.root / "etc/smtpd.conf").chmod(0o644)
        command = ["chroot", self.root, "/usr/sbin/smtpd", "-dv", "-f", "/etc/smtpd.conf"]
        self.process = processes.Process("opensmtpd", command, self.log)
        processes.wait_for("opensmtpd", lambda: processes.accepts_connections(self.address, self.port)
                           or not self.process.running())
        assert self.process.running(), self.process.output()

    def later(self, holds):
        """While it holds, recipients are put off with 451."""
        self.process.stop()
        self._start(' filter "later"' if holds else "")

    def try_again(self):
        """What is deferred is due now."""
        # With the group that its socket is for; Debian's package sets the program's bit for it.
        subprocess.run(["chroot", "--userspec=0:702", self.root, "/usr/sbin/smtpctl", "schedule", "all"], capture_output=True,
                       timeout=120, check=True)

    def messages(self):
        """What lies in the maildir, as bytes."""
        return [path.read_bytes() for path in sorted(self.mail.glob("new/*"))]

    def stop(self):
        self.process.stop()
