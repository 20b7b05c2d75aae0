"""Postfix as a contender, with the settings by which it was fastest: it accepts from us and sends on to the sink."""

from support import processes
from support.postfix import Postfix

from . import contender, posting

# The queue manager admits a whole post at once and does not slow its client; 100 processes; 20 connections.
FAST = """\
in_flow_delay = 0
initial_destination_concurrency = 20
default_destination_concurrency_limit = 20
default_destination_recipient_limit = {recipients}
default_process_limit = 100
qmgr_message_recipient_limit = 100000
qmgr_message_recipient_minimum = 100
qmgr_message_active_limit = 20000
smtpd_recipient_limit = 200000
smtpd_authorized_verp_clients = 127.0.0.0/8
smtpd_recipient_restrictions = {restrictions}
smtp_tls_security_level = {tls}
message_size_limit = 52428800
mailbox_size_limit = 0
recipient_delimiter = +
minimal_backoff_time = 300s
queue_run_delay = 300s
{routes}
"""


class Relay(contender.Contender):
    name = "postfix"

    def __init__(self, folder, receiving, members, domains=100, personal=True, hold=False, spread=False, tls="none", more=""):
        """personal: XVERP. hold: what is accepted stays in the queue. spread: each domain to its own address of the sink.
        tls: smtp_tls_security_level. more: further lines of main.cf."""
        super().__init__()
        self.members = folder / "postfix-members"
        self.members.write_text("".join(f"m{i}@d{i % domains}.example\n" for i in range(members)))
        self._count = members
        self._personal = personal
        routes = ""
        if spread:
            table = folder / "postfix-routes"
            ips = receiving.ips
            table.write_text("".join(f"d{i}.example smtp:[{ips[i % len(ips)]}]:{receiving.port}\n" for i in range(domains)))
            routes = f"transport_maps = texthash:{table}\n"
        restrictions = ("check_client_access static:HOLD, " if hold else "") + "permit_mynetworks, reject"
        extra = FAST.format(recipients=100, restrictions=restrictions, routes=routes, tls=tls) + more
        host, _, port = receiving.smarthost.rpartition(":")
        self.port = processes.free_port()
        with self.group.starting():
            self.server = Postfix(folder, "127.0.0.1", self.port, relayhost=f"[{host}]:{port}", extra=extra)
        self.group.root = self.server.process.pid

    def post(self, folder, posts=1, size=4096, sessions=1):
        return posting.Posting(folder, self.port, posts, sessions, size, rcpt_file=self.members, each=self._count,
                               mail_parameters="XVERP=+=" if self._personal else "", sender="owner@lists.example")

    def idle(self):
        spool = self.server.folder / "spool"
        return not any(path.is_file() for name in ("incoming", "active") for path in (spool / name).rglob("*"))

    def pids(self):
        return self.group.pids()

    def _end(self):
        self.server.stop()
