"""A real Galera cluster: MariaDB servers with private folders, free ports and the settings of contrib/galera, on loopback or
on a machine each. As an unprivileged user, because the transfer of state by rsync fails as root."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from . import machines, mariadb, processes

SETTINGS = processes.ROOT / "contrib" / "galera" / "essaim.cnf"
SCRIPTS = processes.NEIGHBOURS / "galera" / "usr" / "bin"  # see contrib/neighbours
USER = "nobody"


class Node:
    def __init__(self, cluster, number, machine):
        self.cluster, self.name, self.machine, self.address = cluster, f"db{number}", machine, machine.address
        self.folder = cluster.folder / self.name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.data = self.folder / "data"
        self.data.mkdir()
        self.port, self.group_port, self.transfer_port, self.increment_port = (machine.port() for _ in range(4))
        self.process = None

    def write_settings(self):
        # A test shall not wait long for the verdict on a silent node; and its disk may be memory.
        provider = (f"gmcast.listen_addr=tcp://{self.address}:{self.group_port};ist.recv_addr={self.address}:{self.increment_port};gcache.size=64M;"
                    f"gcache.dir={self.data};evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT4S;evs.inactive_timeout=PT8S;"
                    "evs.install_timeout=PT8S;pc.recovery=true")
        group = ",".join(f"{node.address}:{node.group_port}" for node in self.cluster.nodes)
        (self.folder / "my.cnf").write_text(f"""
!include {self.cluster.settings}
[mariadbd]
datadir = {self.data}
socket = {self.folder}/socket
pid_file = {self.folder}/pid
port = {self.port}
bind_address = {self.address}
wsrep_node_address = {self.address}
wsrep_node_name = {self.name}
wsrep_cluster_name = essaim
wsrep_cluster_address = gcomm://{group}
wsrep_sst_receive_address = {self.address}:{self.transfer_port}
wsrep_provider_options = "{provider}"
innodb_buffer_pool_size = 64M
innodb_log_file_size = 32M
innodb_flush_method = nosync
""")

    def command(self, *options):
        user = [f"--user={USER}"] if os.geteuid() == 0 else []
        return ["/usr/sbin/mariadbd", f"--defaults-file={self.folder}/my.cnf", *user, *options]

    def start(self, *options):
        self.seen = self.log.stat().st_size if self.log.exists() else 0
        environment = {"PATH": f"{self.cluster.scripts}:{os.environ['PATH']}", "HOME": str(self.folder), "TMPDIR": str(self.folder)}
        self.process = processes.Process(self.name, self.machine.command(self.command(*options)), self.log, env=environment)
        return self

    def wait_synced(self, timeout=180):
        def synced():
            text = self.said()
            assert self.process.running(), f"{self.name} ended:\n{text[-4000:]}"
            return "Synchronized with group, ready for connections" in text and processes.accepts_connections(self.address, self.port)

        processes.wait_for(f"{self.name} to be synchronised", synced, timeout, every=0.1)
        return self

    def said(self):
        """Since its last start."""
        return self.log.read_bytes()[self.seen:].decode(errors="replace")

    def running(self):
        return self.process is not None and self.process.running()

    def kill(self):
        # What it has started for a transfer of state goes with it.
        self.process.send_to_all(signal.SIGKILL)
        self.process.process.wait()

    def restart(self):
        return self.start()

    def stop(self):
        if not self.running():
            return
        self.process.send(signal.SIGCONT)
        self.process.send(signal.SIGTERM)
        try:
            self.process.process.wait(20)
        except subprocess.TimeoutExpired:  # its files go with it
            self.kill()

    def sql(self, statement, timeout=30):
        """Rows as lists of texts."""
        result = subprocess.run(["mariadb", "--no-defaults", "-uroot", f"-S{self.folder}/socket", "--batch", "--skip-column-names", "-e", statement],
                                capture_output=True, text=True, timeout=timeout)
        if result.returncode != 0:
            raise RuntimeError(f"{self.name}: {result.stderr.strip()}")
        return [line.split("\t") for line in result.stdout.splitlines()]


class Galera:
    name = "galera"

    def __init__(self, folder, places=None):
        """`places`: a machine for each node. `folder` is a place for short texts; the data are kept in memory where that can
        be."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="essaim-galera-", dir=processes.memory()))
        self.folder.chmod(0o755)
        # The tree may lie where that user cannot look.
        self.scripts = self.folder / "bin"
        self.scripts.mkdir()
        for name in ("wsrep_sst_common", "wsrep_sst_rsync"):
            shutil.copy(SCRIPTS / name, self.scripts)
        self.settings = shutil.copy(SETTINGS, self.folder)
        self.log = folder / "galera.log"
        self.log.touch()
        self.nodes = [Node(self, number, place) for number, place in enumerate(places or [machines.Loopback()] * 3, start=1)]
        for node in self.nodes:
            node.write_settings()
            if os.geteuid() == 0:
                owner = pwd.getpwnam(USER)
                for path in (node.folder, node.data):
                    os.chown(path, owner.pw_uid, owner.pw_gid)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        first = self.nodes[0]
        user = [f"--user={USER}"] if os.geteuid() == 0 else []
        made = subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={first.data}", "--auth-root-authentication-method=normal",
                               "--skip-test-db", "--innodb-flush-method=nosync", "--innodb-log-file-size=32M", *user], capture_output=True, text=True,
                              env=dict(os.environ, TMPDIR=str(first.folder)))
        assert made.returncode == 0, made.stdout + made.stderr
        first.start("--wsrep-new-cluster").wait_synced()
        first.sql(f"CREATE USER essaim@'%' IDENTIFIED BY '{mariadb.PASSWORD}'; GRANT ALL ON *.* TO essaim@'%'; CREATE DATABASE essaim CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        # One after the other: a donor gives its state to one at a time.
        for node in self.nodes[1:]:
            node.start().wait_synced()

    def url(self, first=0, database="essaim", user="essaim"):
        hosts = [f"{node.address}:{node.port}" for node in self.nodes[first:] + self.nodes[:first]]
        return f"mariadb://{user}@{','.join(hosts)}/{database}?tls=off"

    def size(self):
        """Of the group, as a node that runs sees it."""
        for node in self.nodes:
            if node.running():
                return int(node.sql("SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'wsrep_cluster_size'")[0][0])
        return 0

    def wait_whole(self, timeout=300):  # a state transfer is slow on a busy machine
        for node in self.nodes:
            try:
                processes.wait_for(f"{node.name} to be back in the cluster", lambda: self.is_whole(node), timeout, every=0.3)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{node.said()[-4000:]}") from None

    def is_whole(self, node):
        assert node.running(), f"{node.name} ended"
        try:
            rows = dict(node.sql("SHOW STATUS WHERE variable_name IN ('wsrep_cluster_size', 'wsrep_ready')", timeout=10))
        except (RuntimeError, subprocess.TimeoutExpired):
            return False
        return rows == {"wsrep_cluster_size": str(len(self.nodes)), "wsrep_ready": "ON"}

    def stop(self):
        for node in self.nodes:
            if node.running():
                node.kill()  # nothing has to be saved
        with self.log.open("w") as out:
            for node in self.nodes:
                if node.log.exists():
                    out.write(f"-- {node.name}\n{node.log.read_text(errors='replace')[-20000:]}\n")
        shutil.rmtree(self.folder, ignore_errors=True)
