"""Exim from Debian's package, unpacked aside: an MX that keeps all its mail in one maildir, and a client that posts."""

import shutil
import subprocess

from . import processes


class Exim:
    name = "exim"

    def __init__(self, folder, address, port, domains, relayhost="", tls=None):
        """Receives for `domains` on address:port; mail to elsewhere goes to `relayhost` ("127.0.0.1:2525"). While
        `later()` holds, recipients are put off with 451."""
        self.folder = folder / "exim"
        self.folder.mkdir()
        for name in ("spool", "log.d", "mail"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")
        shutil.chown(self.folder, "Debian-exim", "Debian-exim")
        self.mail = self.folder / "mail"
        self._binary = binary = processes.NEIGHBOURS / "exim/usr/sbin/exim4"
        self._later = self.folder / "later"
        self.log = self.folder / "log.d/mainlog"
        self._config = config = self.folder / "exim.conf"
        host, _, relay_port = relayhost.partition(":")
        relay = f"""relay:
  driver = manualroute
  domains = ! +local_domains
  transport = smtp
  route_list = * {host}
  self = send
""" if relayhost else ""
        smtp = f"""smtp:
  driver = smtp
  port = {relay_port}
  allow_localhost
  tls_verify_certificates =
  tls_try_verify_hosts =
""" if relayhost else ""
        tls_lines = f"tls_certificate = {tls}\ntls_privatekey = {tls}\ntls_advertise_hosts = *\n" if tls else "tls_advertise_hosts =\n"
        config.write_text(
            f"""exim_path = {binary}
primary_hostname = exim.example
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/log.d/%slog
pid_file_path = {self.folder}/pid
local_interfaces = <; {address}.{port}
daemon_smtp_ports = {port}
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = *
hostlist relay_from = {'127.0.0.0/8' if relayhost else ''}
{tls_lines}host_lookup =
rfc1413_query_timeout = 0s
never_users =
keep_environment =
domainlist local_domains = {' : '.join(domains)}
acl_smtp_rcpt = check_rcpt
acl_smtp_data = ok
begin acl
check_rcpt:
  deny local_parts = nobody*
       message = 5.1.1 no such user
  defer condition = ${{if exists{{{self._later}}}}}
        message = 4.7.1 later
  accept hosts = +relay_from
  accept domains = +local_domains
  deny message = 5.7.1 relay not permitted
ok:
  accept
begin routers
local:
  driver = accept
  domains = +local_domains
  transport = file
{relay}begin transports
{smtp}file:
  driver = appendfile
  directory = {self.mail}/box
  maildir_format
  create_directory
  envelope_to_add = true
  return_path_add = true
  user = Debian-exim
  create_file = anywhere
begin retry
* * F,1h,1s
"""
        )
        config.chmod(0o644)
        command = [binary, "-C", config, "-bdf", "-q1h"]
        self.process = processes.Process("exim", command, self.folder / "out")
        processes.wait_for("exim", lambda: processes.accepts_connections(address, port) or not self.process.running())
        assert self.process.running(), self.process.output()

    def later(self, holds):
        self._later.write_text("") if holds else self._later.unlink()

    def try_again(self):
        """What is deferred is due now."""
        subprocess.run([self._binary, "-C", self._config, "-qff"], capture_output=True, timeout=120)

    def messages(self):
        """What was delivered, as bytes, with Return-path and Envelope-to on top."""
        return [path.read_bytes() for path in sorted(self.mail.glob("box/new/*"))]

    def stop(self):
        self.process.stop()
