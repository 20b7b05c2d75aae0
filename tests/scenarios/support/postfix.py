"""Postfix from Debian's package, unpacked aside: an MX that keeps mail in mailboxes, and a client that posts."""

import os
import pathlib
import shutil
import subprocess

from . import processes

MASTER = """\
smtp      inet  n       -       n       -       -       smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


class Postfix:
    name = "postfix"

    def __init__(self, folder, address, port, domains=(), relayhost="", tls=None, extra="", accounts=None):
        """Receives for `domains` on address:port; mail to elsewhere goes to `relayhost` ("[127.0.0.1]:2525"). Who is in
        `accounts`, {name: password}, may log in under TLS."""
        self.folder = folder / "postfix"
        self.folder.mkdir()
        self.address, self.port = address, port
        unpacked = processes.NEIGHBOURS / "postfix"
        daemons = unpacked / "usr/lib/postfix/sbin"
        self._sendmail = unpacked / "usr/sbin/sendmail"
        self._env = {"LD_LIBRARY_PATH": str(unpacked / "usr/lib/postfix"), "MAIL_CONFIG": str(self.folder)}
        queue, data, mail = self.folder / "spool", self.folder / "data", self.folder / "mail"
        for path in (queue, data, mail):
            path.mkdir()
        for name in "active bounce corrupt defer deferred flush hold incoming private saved trace".split():
            (queue / name).mkdir(mode=0o700)
            shutil.chown(queue / name, "postfix")
        (queue / "pid").mkdir()
        (queue / "public").mkdir(mode=0o710)
        shutil.chown(queue / "public", "postfix", "postdrop")
        (queue / "maildrop").mkdir()
        shutil.chown(queue / "maildrop", "postfix", "postdrop")
        (queue / "maildrop").chmod(0o730)
        shutil.chown(data, "postfix")
        shutil.chown(mail, "postfix")
        self.mail = mail
        self.log = self.folder / "log"
        (self.folder / "master.cf").write_text(MASTER.replace("smtp      inet", f"{address}:{port} inet", 1))
        (self.folder / "dynamicmaps.cf").write_text("")
        settings = {
            "compatibility_level": "3.6", "queue_directory": queue, "data_directory": data, "mail_owner": "postfix",
            "setgid_group": "postdrop", "daemon_directory": daemons, "command_directory": unpacked / "usr/sbin",
            "meta_directory": self.folder, "shlib_directory": unpacked / "usr/lib/postfix",
            "myhostname": "postfix.example", "mydestination": "", "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "disable_dns_lookups": "yes",
            "smtp_host_lookup": "native", "smtpd_peername_lookup": "no", "relayhost": relayhost,
            "virtual_mailbox_domains": " ".join(domains), "virtual_mailbox_base": mail,
            "virtual_mailbox_maps": "inline:{ " + " ".join(f"@{d}=box/" for d in domains) + " }" if domains else "",
            "virtual_minimum_uid": "1", "virtual_uid_maps": f"static:{self._id('postfix')}",
            "virtual_gid_maps": f"static:{self._id('postfix')}", "maillog_file": self.log,
            "maillog_file_prefixes": folder, "import_environment": "MAIL_CONFIG LD_LIBRARY_PATH",
            "export_environment": "MAIL_CONFIG LD_LIBRARY_PATH", "smtpd_client_connection_count_limit": "0",
            "alias_maps": "", "alias_database": "", "default_database_type": "texthash", "local_recipient_maps": "",
            "smtpd_tls_security_level": "may" if tls else "none",
            "smtp_tls_security_level": "may", "minimal_backoff_time": "1s", "queue_run_delay": "1s",
        }
        if tls:
            settings["smtpd_tls_cert_file"] = tls  # with the key, in any order; smtpd_tls_chain_files wants the key first
        if accounts:
            settings |= self._take_accounts(accounts)
        self._settings, self._extra, self._master = settings, extra, [daemons / "master", "-c", self.folder, "-d"]
        self._start()

    def _take_accounts(self, accounts):
        """By Cyrus SASL and its sasldb, which keeps passwords in clear. Debian's Postfix looks for its file below main.cf."""
        folder, realm = self.folder / "sasl", "postfix.example"
        folder.mkdir()
        database = folder / "sasldb2"
        for name, password in accounts.items():
            subprocess.run([processes.NEIGHBOURS / "sasl/usr/sbin/saslpasswd2", "-p", "-c", "-f", database, "-u", realm, name],
                           input=password, text=True, check=True)
        shutil.chown(database, "postfix")
        (folder / "smtpd.conf").write_text(f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\n"
                                           "mech_list: PLAIN SCRAM-SHA-256\n")
        return {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_path": "smtpd", "smtpd_sasl_local_domain": realm,
                "smtpd_tls_auth_only": "yes"}

    def _start(self):
        (self.folder / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in self._settings.items()) + self._extra)
        self.process = processes.Process("postfix", self._master, self.folder / "out", env=self._env)
        processes.wait_for("postfix", lambda: processes.accepts_connections(self.address, self.port)
                           or not self.process.running())
        assert self.process.running(), self._all_output()

    def _id(self, user):
        import pwd

        return pwd.getpwnam(user).pw_uid

    def _all_output(self):
        log = self.log.read_text() if self.log.exists() else ""
        return self.process.output() + log

    def later(self, holds):
        """While it holds, it has no room and says 452 to MAIL."""
        self.process.stop()
        self._settings["queue_minfree"] = str(1 << 60) if holds else "0"
        self._start()

    def try_again(self):
        """What is deferred is due now. Its queue is looked through each second, but one look that comes upon a delivery under way
        may have been the last for long."""
        subprocess.run([self._sendmail, "-q"], env=self._env, capture_output=True, timeout=120)

    def messages(self):
        """What lies in the mailboxes, as bytes."""
        return [path.read_bytes() for path in sorted(self.mail.glob("box/new/*"))]

    def stop(self):
        self.process.stop()
