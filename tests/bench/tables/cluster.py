"""What nodes on one MariaDB cost it: for recipients, for messages that come in, and for nothing at all."""

import threading
import time

from harness import cluster, machine

NODES = (1, 2, 3)
FEWEST_TO_SHARE = 50_000  # fewer are delivered before each node has looked


def _big_posts(bench, table, counts, servers):
    members = bench.scaled(50_000)
    for envelope in ("personal", "common"):
        for count in counts:
            for _ in range(bench.rounds):
                with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                        cluster.Cluster(folder, bench.work, sink.smarthost, count, members, envelope, servers=servers)) as nodes:
                    load_before = machine.wait_for_quiet(bench.options.patience)
                    sink_before, before = sink.counters(), nodes.usage()
                    nodes.post(folder, cluster.LIST)
                    sink.wait(sink_before["recipients"] + members, 900)
                    used = nodes.since(before)
                    seconds = used["time"]
                    nodes.wait_idle()
                    used = nodes.since(before)
                per = members / 1000
                bench.figures.add(table, f"{members:,} members, {envelope}, {count} nodes", "essaim", {
                    "rate": members / seconds, "statements": used["Questions"] / per, "commits": used["Com_commit"] / per,
                    "cpu_us": used["nodes_cpu"] / members * 1e6, "database_us": used["database_cpu"] / members * 1e6,
                    "redo_kb": used["Innodb_os_log_written"] / per / 1024}, load_before, 0)


class Cluster:
    NAME = "cluster"
    HELP = "1, 2 and 3 nodes on one MariaDB: statements, commits and processor time of both for 1,000 recipients"

    @staticmethod
    def run(bench):
        _big_posts(bench, Cluster.NAME, NODES, cluster.OneServer)


class ClusterGalera:
    NAME = "cluster-galera"
    HELP = "the same of 3 nodes on three servers in a Galera cluster; the processor time is that of all three"

    @staticmethod
    def run(bench):
        _big_posts(bench, ClusterGalera.NAME, NODES[-1:], cluster.ThreeServers)


class ClusterAccept:
    NAME = "cluster-accept"
    HELP = "posts to 50 members come in at 1, 2 and 3 nodes: statements, commits and processor time of the database for each"

    @staticmethod
    def run(bench):
        posts = bench.scaled(600)
        for count in NODES:
            for _ in range(bench.rounds):
                with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                        cluster.Cluster(folder, bench.work, sink.smarthost, count)) as nodes:
                    load_before = machine.wait_for_quiet(bench.options.patience)
                    sink_before, before = sink.counters(), nodes.usage()
                    share = max(1, posts // count)
                    done = share * count
                    for node in range(count):
                        nodes.post(folder, cluster.SMALL, share, sessions=10, node=node)
                    taken = nodes.since(before)
                    sink.wait(sink_before["recipients"] + done * 50, 600)
                    nodes.wait_idle()
                    used = nodes.since(before)
                bench.figures.add(ClusterAccept.NAME, f"{done:,} posts to 50, {count} nodes", "essaim", {
                    "rate": done / taken["time"], "statements": used["Questions"] / done, "commits": used["Com_commit"] / done,
                    "cpu_us": used["nodes_cpu"] / done * 1e6, "database_us": used["database_cpu"] / done * 1e6,
                    "redo_kb": used["Innodb_os_log_written"] / done / 1024}, load_before, 0)


class ClusterIdle:
    NAME = "cluster-idle"
    HELP = "10,000 lists without mail: statements a second of 1, 2 and 3 nodes together"

    @staticmethod
    def run(bench):
        lists = bench.scaled(10_000)
        for count in NODES:
            with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                    cluster.Cluster(folder, bench.work, sink.smarthost, count, lists=lists)) as nodes:
                time.sleep(min(10, bench.scaled(5000)))  # the jobs that are due at the start
                before = nodes.usage()
                time.sleep(min(60, bench.scaled(5000)))
                used = nodes.since(before)
            bench.figures.add(ClusterIdle.NAME, f"{lists:,} lists, {count} nodes", "essaim", {
                "statements": used["Questions"] / used["time"], "commits": used["Com_commit"] / used["time"],
                "database_us": used["database_cpu"] / used["time"] * 1e6}, 0, 0)


class ClusterShare:
    NAME = "cluster-share"
    HELP = "a post to 100,000 at one of three nodes: from its 250 until each of the three has batches of it"
    COUNT = 3

    @staticmethod
    def run(bench):
        members = max(FEWEST_TO_SHARE, bench.scaled(100_000))
        for _ in range(bench.rounds):
            with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                    cluster.Cluster(folder, bench.work, sink.smarthost, ClusterShare.COUNT, members)) as nodes:
                load_before = machine.wait_for_quiet(bench.options.patience)
                before = sink.counters()["recipients"]
                first_seen, stop = {}, threading.Event()
                watcher = threading.Thread(target=ClusterShare._watch, args=(nodes, first_seen, stop))
                watcher.start()
                sent = nodes.post(folder, cluster.LIST)
                sink.wait(before + members, 900)
                stop.set()
                watcher.join()
                nodes.wait_idle()
            assert len(first_seen) == ClusterShare.COUNT, f"only the nodes {sorted(first_seen)} had batches"
            waits = sorted((seen - sent.instants[0]) * 1000 for seen in first_seen.values())
            for number, wait in enumerate(waits, start=1):
                bench.figures.add(ClusterShare.NAME, f"node {number} of {ClusterShare.COUNT} has a batch", "essaim",
                                  {"first_ms": max(0.0, wait)}, load_before, 0)

    @staticmethod
    def _watch(nodes, first_seen, stop):
        """When each owner was first seen; a look takes some tens of milliseconds, which count."""
        while not stop.is_set() and len(first_seen) < ClusterShare.COUNT:
            for (owner,) in nodes.database.execute("SELECT DISTINCT owner FROM batch_state WHERE owner <> 0", "essaim"):
                first_seen.setdefault(owner, time.time())
            time.sleep(0.02)
