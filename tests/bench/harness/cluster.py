"""Nodes on one MariaDB or on three in a Galera cluster, and what they cost it. The database keeps its files in memory: counts
and processor time are what is measured here, not the latency of a disk."""

import os
import shutil
import time

from support import essaim, galera, mariadb, processes

from . import essaim_node, posting

LIST = essaim_node.LIST
SMALL = "small@lists.example"
COUNTERS = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Questions', 'Com_commit', 'Innodb_os_log_written')"


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class OneServer:
    def __init__(self, folder):
        self._server = mariadb.MariaDb(["--innodb-flush-log-at-trx-commit=1"])
        self.url, self.execute, self.stop = self._server.url, self._server.execute, self._server.stop

    def pids(self):
        return [self._server.process.pid]


class ThreeServers:
    """All Essaim nodes work with the first; what the others apply is in the processor time, not among the statements."""

    def __init__(self, folder):
        self._cluster = galera.Galera(folder)
        self.url, self.stop = self._cluster.url, self._cluster.stop

    def execute(self, statements, database=""):
        return self._cluster.nodes[0].sql(f"USE {database};{statements}" if database else statements)

    def pids(self):
        return [node.process.pid for node in self._cluster.nodes]


class Cluster:
    """`count` nodes with one list of `members`, which a machine of their own would each have."""

    name = "cluster"

    def __init__(self, folder, work, smarthost, count, members=0, envelope="personal", lists=0, servers=OneServer):
        self.database = servers(folder)
        self.nodes = []
        try:
            for number in range(1, count + 1):
                self.nodes.append(essaim.Essaim(folder, smarthost=smarthost, database=self.database.url(), name=f"node{number}",
                                                hostname=f"node{number}.lists.example", start=False))
            first = self.nodes[0]
            if members:
                alone = essaim.Essaim(folder, name="alone", start=False)
                shutil.copy(essaim_node.template(work, members, 100), alone.database)
                alone.run("storage", "migrate")
                alone.run("storage", "copy", self.database.url())
                first.run("list", "set", LIST, f"envelope={envelope}")
            first.run("storage", "init")
            first.make_list(SMALL, [f"s{i}@d{i}.example" for i in range(50)], post="anyone", envelope=envelope)
            self._more_lists(lists)
            for node in self.nodes:
                node.start()
        except BaseException:
            self.stop()
            raise

    def _more_lists(self, count):
        for begin in range(0, count, 1000):
            rows = ",".join(f"({10 ** 15 + i}, (SELECT id FROM domain LIMIT 1), 'idle{i}', 0, 1, '{{}}', 0)"
                            for i in range(begin, min(begin + 1000, count)))
            self.database.execute("INSERT INTO list (id, domain_id, local, state, revision, settings, created) VALUES " + rows, "essaim")

    def usage(self):
        """Counters of the database, and processor time of it and of the nodes."""
        usage = {name: int(value) for name, value in self.database.execute(COUNTERS)}
        usage["database_cpu"] = sum(cpu_seconds(pid) for pid in self.database.pids())
        usage["nodes_cpu"] = sum(cpu_seconds(node.process.pid) for node in self.nodes)
        usage["time"] = time.monotonic()
        return usage

    def since(self, before):
        now = self.usage()
        used = {key: now[key] - before[key] for key in before}
        used["Questions"] -= 1  # the question itself
        return used

    def post(self, folder, to, posts=1, sessions=1, node=0, size=4096):
        return posting.Posting(folder, self.nodes[node].port, posts, sessions, size, recipients=(to,))

    def wait_idle(self):
        processes.wait_for("all to be saved", lambda: not self.nodes[0].json("queue", "list")["batches"], 120, every=0.5)

    def stop(self):
        for node in self.nodes:
            node.stop()
        self.database.stop()
