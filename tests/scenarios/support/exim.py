"""Exim from Debian's package, unpacked aside: an MX that appends all its mail to one mbox file."""

import pwd
import shutil

from . import processes


class Exim:
    name = "exim"

    def __init__(self, folder, address, port, domains, tls=None):
        self.folder = folder / "exim"
        self.folder.mkdir()
        for name in ("spool", "log.d", "mail"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")
        shutil.chown(self.folder, "Debian-exim", "Debian-exim")
        self.mail = self.folder / "mail"
        binary = processes.NEIGHBOURS / "exim/usr/sbin/exim4"
        self.log = self.folder / "log.d/mainlog"
        config = self.folder / "exim.conf"
        tls_lines = f"tls_certificate = {tls}\ntls_privatekey = {tls}\ntls_advertise_hosts = *\n" if tls else "tls_advertise_hosts =\n"
        config.write_text(
            f"""exim_path = {binary}
primary_hostname = exim.example
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/log.d/%slog
pid_file_path = {self.folder}/pid
local_interfaces = <; {address}.{port}
daemon_smtp_ports = {port}
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
  accept domains = +local_domains
  deny message = 5.7.1 relay not permitted
ok:
  accept
begin routers
local:
  driver = accept
  domains = +local_domains
  transport = file
begin transports
file:
  driver = appendfile
  file = {self.mail}/mbox
  envelope_to_add = true
  return_path_add = true
  user = Debian-exim
  mode = 0600
  check_owner = false
  create_file = anywhere
"""
        )
        config.chmod(0o644)
        command = [binary, "-C", config, "-bdf", "-q1h"]
        self.process = processes.Process("exim", command, self.folder / "out")
        processes.wait_for("exim", lambda: processes.accepts_connections(address, port) or not self.process.running())
        assert self.process.running(), self.process.output()

    def messages(self):
        """What was delivered, as bytes, with Return-path and Envelope-to on top."""
        path = self.mail / "mbox"
        if not path.exists():
            return []
        return [b"Return-path:" + part for part in path.read_bytes().split(b"Return-path:")[1:]]

    def stop(self):
        self.process.stop()
