"""One post to a large list, beside the bare limit and the peers."""

import contextlib

ONLY = ("rate", "cpu_us", "peak_mb", "seconds")


def _peers(bench, table, variant, members, personal):
    """Gives a function that measures each peer once; they were warmed by a run that does not count."""
    stack = contextlib.ExitStack()
    made, sink, folder = stack.enter_context(
        bench.peers(members=members, personal=personal, spread=bench.spread(personal)))
    for contender in made.values():
        bench.distribute(contender, sink, folder, members)

    def measure():
        for name, contender in made.items():
            sample, load_before, share = bench.distribute(contender, sink, folder, members)
            bench.figures.add(table, variant, name, {key: sample[key] for key in ONLY}, load_before, share)

    return stack, measure


def _table(bench, table, envelope, per_transaction, sizes, peers_at):
    for size in sizes:
        members = bench.scaled(size)
        variant = f"{members:,} members"
        stack, measure_peers = contextlib.ExitStack(), lambda: None
        if size == peers_at and bench.options.peers:
            stack, measure_peers = _peers(bench, table, variant, members, envelope == "personal")
        with stack:
            for _ in range(bench.rounds):
                bench.bare_run(table, variant, members, per_transaction)
                bench.essaim_run(table, variant, members=members, envelope=envelope, only=ONLY)
                bench.essaim_run(table, variant, "essaim by MX", members=members, envelope=envelope, mx=True, only=ONLY)
                measure_peers()


class Personal:
    NAME = "personal"
    HELP = "personal copies: own envelope (VERP) and own header block for each recipient, one transaction each"

    @staticmethod
    def run(bench):
        _table(bench, Personal.NAME, "personal", 1, (10_000, 100_000), peers_at=10_000)


class Common:
    NAME = "common"
    HELP = "identical copies, up to 100 recipients in a transaction"

    @staticmethod
    def run(bench):
        _table(bench, Common.NAME, "common", 100, (10_000, 100_000), peers_at=10_000)


class Small:
    NAME = "small"
    HELP = "200 posts to a list of 50, personal copies, one session that posts"

    @staticmethod
    def run(bench):
        posts, members = bench.scaled(200), 50
        variant = f"{posts} posts to {members}"
        only = ("rate", "cpu_us", "cpu_ms_post", "peak_mb", "seconds")
        with contextlib.ExitStack() as stack:
            made = {}
            if bench.options.peers:
                made, sink, folder = stack.enter_context(
                    bench.peers(members=members, domains=50, personal=True, spread=bench.spread(True)))
            for warming in [True] + [False] * bench.rounds:
                if not warming:
                    bench.bare_run(Small.NAME, variant, posts * members, 1)
                    bench.essaim_run(Small.NAME, variant, members=members, domains=50, posts=posts, only=only)
                    bench.essaim_run(Small.NAME, variant, "essaim by MX", members=members, domains=50, posts=posts, mx=True,
                                     only=only)
                for name, contender in made.items():
                    sample, load_before, share = bench.distribute(contender, sink, folder, posts * members, posts=posts)
                    if not warming:
                        bench.figures.add(Small.NAME, variant, name, {key: sample[key] for key in only}, load_before, share)
