"""The stage of the harnesses: lists, members and what they are like, name server, mail exchangers. A world adds the server,
or a cluster of them."""

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))

from support import dns, processes, sink  # noqa: E402

MX_SETS = 6
SMALL_DOMAINS, BIG_DOMAINS = 7, 100
# Final dots that can be under way at a kill, and outcomes between the reply and the journal.
CONNECTIONS = 24
HANDFUL = 5
SETTINGS = f"""connections_total = {CONNECTIONS}
connections_per_destination = {CONNECTIONS}
connections_initial = 4
retry_initial = "1s"
retry_max = "3s"
connect_timeout = "5s"
"""
# Members that are not simply friendly; what they do stands in the rules of the sink.
REFUSED, NEVER, GREY = "bad", "never", "grey"
LIFETIME = 8.0  # of posts to the fleeting list, seconds
MODERATOR = "ed@churn.example"
LEAVERS = "link.example"  # what comes there is kept, for the links in it


def lines_with(text, path):
    """How many there are; one by one, as a log has gigabytes in the end."""
    with open(path, encoding="utf-8", errors="replace", newline="\n") as lines:
        return sum(text in line for line in lines)


def zone(addresses, dead, leavers=None):
    """`addresses`: of the mail exchangers; nobody listens at `dead`; `leavers`: of the exchanger of those who leave."""
    names = [f"s{k}" for k in range(SMALL_DOMAINS)] + [f"d{k}" for k in range(BIG_DOMAINS)] + ["churn", "odd", "client"]
    lines = []
    for i, name in enumerate(names):
        number = i % MX_SETS
        if number == MX_SETS - 1:
            lines.append(f"{name} IN MX 5 mx.dead")  # the next one answers
        lines.append(f"{name} IN MX 10 mx{number}")
    lines += [f"mx{k} IN A {address}" for k, address in enumerate(addresses)] + [f"mx.dead IN A {dead}"]
    lines += ["link IN MX 10 mx.link", f"mx.link IN A {leavers}"] if leavers else []
    return "\n".join(lines)


class Stage:
    """`people`: also moderators and people who join and leave by themselves (people.py)."""

    def __init__(self, folder, random, big_members=20_000, small=3, big=2, people=False):
        self.folder, self.random = pathlib.Path(folder), random
        odd = [f"{REFUSED}0@odd.example", f"{GREY}0@odd.example", f"{GREY}1@odd.example"]
        self.lists = {f"small{i}@lists.example": [f"m{k}@s{k % SMALL_DOMAINS}.example" for k in range(10)] + odd
                      for i in range(small)}
        self.lists.update({f"big{i}@lists.example": [f"m{k}@d{k % BIG_DOMAINS}.example" for k in range(big_members)] + odd
                           for i in range(big)})
        self.fleeting = "fleeting@lists.example"
        self.owned = "owned@lists.example"  # its owner is refused, which is reported to who wrote
        self.lists[self.fleeting] = [f"m{k}@s{k % SMALL_DOMAINS}.example" for k in range(5)] + [f"{NEVER}0@odd.example"]
        self.people = people
        self.moderated = "moderated@lists.example"
        if people:
            self.lists[self.moderated] = [f"m{k}@s{k % SMALL_DOMAINS}.example" for k in range(5)]

    def set_the_others_up(self, address="127.0.0.1", exchangers=None, dead="127.2.0.99"):
        """Name server and smart host at the address, mail exchangers at theirs, all on one port: `mx_port`."""
        # As after a power failure, all processes must be able to see the library.
        self.folder.chmod(0o755)
        exchangers = exchangers or [f"127.2.0.{k + 1}" for k in range(MX_SETS)]
        self.mx_port = processes.free_port(exchangers[0])
        leavers = "127.2.0.50" if self.people else None
        self.dns = dns.NameServer(self.folder, {"example": zone(exchangers, dead, leavers)}, host=address)
        rules = [f"rcpt@{REFUSED}*=550 5.1.1 no such user", f"rcpt@{NEVER}*=450 4.2.1 never today",
                 f"rcpt@{GREY}*=every:2:450 4.7.1 try again", f"dot@{exchangers[2]}*=every:400:451 4.3.0 busy",
                 f"connect@{exchangers[3]}*=every:10:421 4.3.2 come again"]
        self.sink = sink.Sink(self.folder, listen=[f"{address}:0"] + [f"{e}:{self.mx_port}" for e in exchangers], keep=False, rules=rules)
        if self.people:
            self.leavers_sink = sink.Sink(self.folder, listen=[f"{leavers}:{self.mx_port}"])

    def receipts(self):
        """Of all that arrived."""
        yield from self.sink.each_receipt()
        for receipt in self.leavers_sink.each_receipt() if self.people else ():
            yield receipt._replace(transaction=f"l{receipt.transaction}")

    def make_lists(self, server):
        for address, members in self.lists.items():
            settings = {"post": "anyone"}
            if address == self.fleeting:
                settings["expire"] = f"{int(LIFETIME)}s"
            if address.startswith("small0"):
                settings["envelope"] = "common"
            if address == self.moderated:
                settings = {"send": "editorkey", "tell_held": "false"}
            server.make_list(address, members, **settings)
        if self.people:
            server.run("member", "add", self.moderated, "--role", "editor", MODERATOR)
        server.run("list", "create", self.owned, "--owner", f"{REFUSED}1@odd.example")

    def tear_down(self, *parts):
        for part in (*parts, "sink", "leavers_sink", "dns"):
            if hasattr(self, part):
                try:
                    getattr(self, part).stop()
                except AssertionError as error:
                    print(error)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
