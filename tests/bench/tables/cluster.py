"""What nodes on one MariaDB cost it: for recipients, for messages that come in, and for nothing at all."""

import time

from harness import cluster, machine

NODES = (1, 2, 3)


class Cluster:
    NAME = "cluster"
    HELP = "1, 2 and 3 nodes on one MariaDB: statements, commits and processor time of both for 1,000 recipients"

    @staticmethod
    def run(bench):
        members = bench.scaled(50_000)
        for envelope in ("personal", "common"):
            for count in NODES:
                for _ in range(bench.rounds):
                    with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                            cluster.Cluster(folder, bench.work, sink.smarthost, count, members, envelope)) as nodes:
                        load_before = machine.wait_for_quiet(bench.options.patience)
                        sink_before, before = sink.counters(), nodes.usage()
                        nodes.post(folder, cluster.LIST)
                        sink.wait(sink_before["recipients"] + members, 900)
                        used = nodes.since(before)
                        seconds = used["time"]
                        nodes.wait_idle()
                        used = nodes.since(before)
                    per = members / 1000
                    bench.figures.add(Cluster.NAME, f"{members:,} members, {envelope}, {count} nodes", "essaim", {
                        "rate": members / seconds, "statements": used["Questions"] / per, "commits": used["Com_commit"] / per,
                        "cpu_us": used["nodes_cpu"] / members * 1e6, "database_us": used["database_cpu"] / members * 1e6},
                        load_before, 0)


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
                    for node in range(count):
                        nodes.post(folder, cluster.SMALL, posts // count, sessions=10, node=node)
                    taken = nodes.since(before)
                    sink.wait(sink_before["recipients"] + posts // count * count * 50, 600)
                    nodes.wait_idle()
                    used = nodes.since(before)
                done = posts // count * count
                bench.figures.add(ClusterAccept.NAME, f"{done:,} posts to 50, {count} nodes", "essaim", {
                    "rate": done / taken["time"], "statements": used["Questions"] / done, "commits": used["Com_commit"] / done,
                    "cpu_us": used["nodes_cpu"] / done * 1e6, "database_us": used["database_cpu"] / done * 1e6}, load_before, 0)


class ClusterIdle:
    NAME = "cluster-idle"
    HELP = "10,000 lists without mail: statements a second of 1, 2 and 3 nodes together"

    @staticmethod
    def run(bench):
        for count in NODES:
            with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                    cluster.Cluster(folder, bench.work, sink.smarthost, count, lists=10_000)) as nodes:
                time.sleep(10)  # the jobs that are due at the start
                before = nodes.usage()
                time.sleep(60)
                used = nodes.since(before)
            bench.figures.add(ClusterIdle.NAME, f"10,000 lists, {count} nodes", "essaim", {
                "statements": used["Questions"] / used["time"], "commits": used["Com_commit"] / used["time"],
                "database_us": used["database_cpu"] / used["time"] * 1e6}, 0, 0)
