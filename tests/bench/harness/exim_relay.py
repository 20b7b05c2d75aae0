"""Exim as a contender, with the settings by which it was fastest: a list is a file of addresses."""

import shutil

from support import processes

from . import contender, posting

CONFIGURATION = """\
exim_path = {binary}
primary_hostname = exim.example
spool_directory = {folder}/spool
log_file_path = {folder}/log.d/%slog
pid_file_path = {folder}/pid
local_interfaces = <; 127.0.0.1.{port}
daemon_smtp_ports = {port}
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 200
smtp_accept_max_per_connection = 0
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 200
recipients_max = 0
remote_max_parallel = 20
split_spool_directory = true
deliver_drop_privilege = true
queue_only = {hold}
message_size_limit = 50M
never_users =
keep_environment =
acl_smtp_rcpt = ok
acl_smtp_data = ok
begin acl
ok:
  accept
begin routers
list:
  driver = redirect
  domains = lists.example
  data = :include:{members}
  user = Debian-exim
  forbid_file
  forbid_pipe
out:
  driver = manualroute
  route_data = {routes}
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = {sink_port}
  hosts_try_fastopen =
  hosts_try_chunking =
  hosts_try_prdr =
  tls_tempfail_tryclear = true
  hosts_avoid_tls = *
  connection_max_messages = 500
{envelope}
begin retry
* * F,2h,15m
"""
# One recipient in a transaction, with its own return path and a header of its own.
PERSONAL = """\
  max_rcpt = 1
  return_path = bounce+${local_part}=${domain}@lists.example
  headers_add = List-Unsubscribe: <mailto:big+leave=${local_part}=${domain}@lists.example>
"""
COMMON = "  max_rcpt = 100\n"


class Relay(contender.Contender):
    name = "exim"

    def __init__(self, folder, receiving, members, domains=100, personal=True, hold=False, spread=False):
        super().__init__()
        self.folder = folder / "exim"
        self.folder.mkdir()
        for name in ("spool", "log.d"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")
        file = self.folder / "members"
        file.write_text("".join(f"m{i}@d{i % domains}.example\n" for i in range(members)))
        shutil.chown(self.folder, "Debian-exim", "Debian-exim")
        binary = processes.NEIGHBOURS / "exim/usr/sbin/exim4"
        routes = receiving.ips[0]
        if spread:
            table = self.folder / "routes"
            table.write_text("".join(f"d{i}.example: {receiving.ips[i % len(receiving.ips)]}\n" for i in range(domains)))
            routes = f"${{lookup{{$domain}}lsearch{{{table}}}}}"
        self.port = processes.free_port()
        configuration = self.folder / "exim.conf"
        configuration.write_text(CONFIGURATION.format(
            binary=binary, folder=self.folder, port=self.port, hold="true" if hold else "false", members=file, routes=routes,
            sink_port=receiving.port, envelope=PERSONAL if personal else COMMON))
        configuration.chmod(0o644)
        self._spool = self.folder / "spool" / "input"
        with self.group.starting():
            self.server = processes.Process("exim", [binary, "-C", configuration, "-bdf", "-q1h"], self.folder / "out")
        self.group.root = self.server.pid
        processes.wait_for("exim", lambda: processes.accepts_connections("127.0.0.1", self.port) or not self.server.running())
        assert self.server.running(), self.server.output()

    def post(self, folder, posts=1, size=4096, sessions=1):
        return posting.Posting(folder, self.port, posts, sessions, size, recipients=["big@lists.example"])

    def idle(self):
        return not any(path.is_file() for path in self._spool.rglob("*"))

    def pids(self):
        return self.group.pids()

    def _end(self):
        self.server.stop()
