"""What a post costs the database, how cost grows with members and with domains."""

from harness import dns, machine, receiving, syscalls


class Statements:
    NAME = "statements"
    HELP = "SQL statements, commits and fsyncs for 1,000 recipients; fsyncs in a pass of their own"

    @staticmethod
    def run(bench):
        members = bench.scaled(100_000)
        for envelope in ("personal", "common"):
            variant = f"{members:,} members, {envelope}"
            for watched in [False] * bench.rounds + [True]:
                with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
                        bench.node(folder, members, envelope=envelope, smarthost=sink.smarthost)) as node:
                    if watched:
                        with syscalls.counting(node.pids()) as syncs:
                            bench.distribute(node, sink, folder, members)
                        bench.figures.note(Statements.NAME, variant, "essaim", "syncs", syncs.count / members * 1000)
                        continue
                    before = node.counters()
                    _, load_before, share = bench.distribute(node, sink, folder, members)
                    used = {key: (value - before[key]) / members * 1000 for key, value in node.counters().items()}
                bench.figures.add(Statements.NAME, variant, "essaim", {
                    "statements": used["statements"], "reads": used["reads"], "commits": used["commits"],
                    "durable": used["durable_commits"]}, load_before, share)


class Growth:
    NAME = "growth"
    HELP = "10,000, 100,000 and 1,000,000 members: time and memory (making the largest list takes a minute, once)"

    @staticmethod
    def run(bench):
        for envelope in ("personal", "common"):
            medians = {}
            for size in (10_000, 100_000, 1_000_000):
                members = bench.scaled(size)
                variant = f"{members:,} members, {envelope}"
                for _ in range(1 if size == 1_000_000 else bench.rounds):
                    bench.essaim_run(Growth.NAME, variant, members=members, envelope=envelope,
                                     only=("seconds", "rate", "cpu_us", "peak_mb", "resident_mb"))
                medians[size] = bench.figures.median(Growth.NAME, variant, "essaim", "seconds")
            bench.say(f"{envelope}: {bench.scaled(1_000_000):,} members took {medians[1_000_000] / medians[100_000]:.2f} x the time of {bench.scaled(100_000):,}")


class Domains:
    NAME = "domains"
    HELP = ("10,000 members over 1, 100 and 10,000 domains by MX: what a further destination costs (names not yet known), with "
            "the look-up that MTA-STS asks for and without")
    # MX, A and AAAA; what is announced of MTA-STS is asked for where TLS is to be the best there is.
    LOOK_UPS = (("personal", "best", 4), ("common", "best", 4), ("personal", "opportunistic", 3))

    @staticmethod
    def run(bench):
        members = bench.scaled(10_000)
        for envelope, tls, look_ups in Domains.LOOK_UPS:
            alone = None
            for count in (1, 100, 10_000):
                domains = bench.scaled(count) if count > 100 else count
                variant = f"{domains:,} domains, {envelope}, {look_ups} look-ups"
                for _ in range(bench.rounds):
                    with bench.folder() as folder, bench.sink(folder, addresses=min(domains, 1000)) as sink, bench.running(
                            dns.Names(folder, sink, domains)) as names, bench.running(
                            bench.node(folder, members, domains, envelope=envelope, dns=names.address,
                                       mx_port=sink.port, delivery=f'tls = "{tls}"')) as node:
                        sample, load_before, share = bench.distribute(node, sink, folder, members)
                    if alone and domains > 1:
                        sample["domain_us"] = (sample["seconds"] - alone) / (domains - 1) * 1e6
                    bench.figures.add(Domains.NAME, variant, "essaim", {
                        key: sample.get(key) for key in ("seconds", "rate", "cpu_us", "connections", "domain_us", "peak_mb")},
                        load_before, share)
                if domains == 1:
                    alone = bench.figures.median(Domains.NAME, variant, "essaim", "seconds")
