"""Where the harness plays: three machines with a database node and an Essaim node each, wires between them, HAProxy in front,
and the stage of the crash harness around them. Machines are namespaces of the network where that is permitted and wished,
else all is on loopback."""

import pathlib
import re
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "crash")]

import stage  # noqa: E402
from support import essaim, galera, haproxy, machines, processes  # noqa: E402  (found by way of stage)
from wires import Wires  # noqa: E402

NODES = 3
TAKEOVER = 15.0  # seconds after which a silent node's work is taken over (default of the setting)
BATCHES = 8  # in memory of a node: bounds what it has not yet saved


class Node(essaim.Essaim):
    """One of the Essaim nodes."""

    def __init__(self, world, number, place, database):
        self.world, self.number, self.place = world, number, place
        super().__init__(world.folder, dns=world.dns.address, mx_port=world.mx_port, delivery=stage.SETTINGS + f"active_batches = {BATCHES}\n",
                         extra='[balancer]\ndrain_notice = "1s"\n', hostname=f"mx{number}.lists.example", name=f"n{number}",
                         database=database, start=False,
                         listen=f'proxy = ["{world.balancer_address}"]\n[[listen]]\naddress = "127.0.0.1:0"\nrole = "status"\n')
        self.port, self.status_port = place.port(), place.port()
        text = self.config.read_text()
        for port in (self.port, self.status_port):
            text = text.replace("127.0.0.1:0", f"{place.address}:{port}", 1)
        self.config.write_text(text)
        self.offset = 0

    def start(self):
        self.offset = self.log.stat().st_size if self.log.exists() else 0
        command = self.place.command([processes.BUILD / "essaim", "serve", "--config", self.config])
        self.process = processes.Process(self.name, command, self.log, env=self.environment)
        return self

    def says(self, word):
        return word in self.log.read_bytes()[self.offset:]

    def listens(self):
        return self.says(b" listening ")

    def wait_until_up(self, timeout=processes.PATIENCE):
        def up():
            assert self.process.running(), f"{self.name} ended by itself:\n{self.process.output()[-3000:]}"
            return self.listens()

        processes.wait_for(f"{self.name} to listen", up, timeout)

    def running(self):
        return self.process is not None and self.process.running()


class Operator(essaim.Essaim):
    """The command line, with connections of its own to the databases."""

    def __init__(self, world, database):
        super().__init__(world.folder, database=database, hostname="mx9.lists.example", name="operator", start=False)


class Cluster(stage.Stage):
    def __init__(self, folder, random, network=False, **sizes):
        super().__init__(folder, random, **sizes)
        self.network = machines.Network(NODES) if network else None

    def set_up(self):
        places = self.network.machines if self.network else [machines.Loopback()] * NODES
        here = self.network or machines.Loopback()
        self.address, self.balancer_address = here.address, self.network.address if self.network else haproxy.ADDRESS
        # Of one who asks the nodes without the balancer, from whose address they want a PROXY header.
        self.asker_address = self.network.add_address(98) if self.network else here.address
        exchangers, dead = None, "127.2.0.99"
        if self.network:
            exchangers, dead = [self.network.add_address(100 + k) for k in range(stage.MX_SETS)], self.network.add_address(99)
        self.set_the_others_up(self.address, exchangers, dead)
        self.galera = galera.Galera(self.folder, places)
        self.wires = Wires(self.folder)
        self.server = Operator(self, self.galera.url())
        self.server.run("storage", "init")
        self.nodes = []
        for number, place in enumerate(places, start=1):
            # Each has its own database first, so that the load is shared; and all ways lead over wires.
            order = [(number - 1 + k) % NODES for k in range(NODES)]
            hosts = []
            for k in order:
                db = self.galera.nodes[k]
                hosts.append(f"{self.address}:{self.wires.add(f'n{number}-{db.name}', self.address, (db.address, db.port))}")
            self.nodes.append(Node(self, number, place, f"mariadb://essaim@{','.join(hosts)}/essaim?tls=off&timeout=5"))
        for node in self.nodes:
            node.start()
            node.wait_until_up()
        self.make_lists(self.server)
        self.port = here.port()
        self.start_balancer()

    def start_balancer(self):
        environment = {"ESSAIM_BIND": f"{self.address}:{self.port}", "ESSAIM_SOURCE": self.balancer_address, "ESSAIM_CHECK_EVERY": "300ms",
                       "ESSAIM_CONNECTIONS": "1000"}
        for node in self.nodes:
            environment[f"ESSAIM_NODE{node.number}"] = f"{node.place.address}:{node.port}"
            environment[f"ESSAIM_STATUS{node.number}"] = f"{node.place.address}:{node.status_port}"
        self.balancer = haproxy.HAProxy(self.folder, processes.ROOT / "contrib" / "haproxy" / "haproxy.cfg", environment)
        processes.wait_for("haproxy to listen", lambda: processes.accepts_connections(self.address, self.port))

    def sql(self, text, *values):
        """By any database node that answers; whole numbers come as such."""
        for value in values:
            text = text.replace("?", str(int(value)), 1)
        trouble = None
        for node in self.galera.nodes:
            try:
                rows = node.sql(f"SET SESSION wsrep_sync_wait = 1; USE essaim; {text}", timeout=120)
                return [tuple(int(v) if re.fullmatch(r"-?\d{1,18}", v) else v for v in row) for row in rows]
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                trouble = error
        raise trouble

    def damage(self):
        """Where the database nodes do not hold the same."""
        tables = [row[0] for row in self.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'essaim'")]
        sums = {}
        # Nobody writes meanwhile, not even that he lives.
        for node in self.nodes:
            node.process.send(signal.SIGSTOP)
        for node in self.galera.nodes:
            for table in tables:
                row = node.sql(f"SET SESSION wsrep_sync_wait = 1; CHECKSUM TABLE essaim.`{table}`", timeout=120)[0]
                sums.setdefault(table, {})[node.name] = row[1]
        for node in self.nodes:
            node.process.send(signal.SIGCONT)
        return [f"{table} is not the same on all nodes: {found}" for table, found in sums.items() if len(set(found.values())) > 1]

    def log_lines_with(self, text):
        return sum(stage.lines_with(text, node.log) for node in self.nodes)

    def tear_down(self):
        for node in getattr(self, "nodes", []):
            if node.running():
                node.process.send(signal.SIGCONT)
                node.kill()
        super().tear_down("balancer", "wires", "galera")
        if self.network:
            self.network.stop()
