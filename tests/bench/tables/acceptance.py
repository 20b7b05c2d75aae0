"""How fast messages are acknowledged, each after it is on the disk; nothing is delivered meanwhile, or at the same time."""

import contextlib

from harness import machine, syscalls

SESSIONS = (1, 20, 100)


def accept(bench, contender, sink, folder, messages, sessions, size=None, **posting):
    load_before = machine.wait_for_quiet(bench.options.patience)
    others, cpu = machine.Others([contender.group, sink.group]), contender.group.cpu()
    sent = contender.post(folder, posts=messages, size=size or bench.size, sessions=sessions, **posting)
    share = others.share(sent.cpu)
    cpu = contender.group.cpu() - cpu
    sample = {"rate": sent.summary["rate"], "cpu_us": cpu / messages * 1e6, "p50_ms": sent.summary["p50_ms"],
              "p99_ms": sent.summary["p99_ms"]}
    return sample, load_before, share


def _syncs(bench, contender, folder, messages, sessions):
    with syscalls.counting(contender.pids()) as syncs:
        contender.post(folder, posts=messages, size=bench.size, sessions=sessions)
    return syncs.count / messages


@contextlib.contextmanager
def made_node(bench, delivering=False, **settings):
    """A list of one member: held back by a suspension of the queue, as those of the peers are, or delivered at once."""
    with bench.folder() as folder, bench.sink(folder) as sink, bench.running(
            bench.node(folder, 1, smarthost=sink.smarthost, **settings)) as node:
        if not delivering:
            node.server.run("queue", "suspend", "--reason", "bench")
        yield node, sink, folder


class Accept:
    NAME = "accept"
    HELP = "durable acceptance with 1, 20 and 100 sessions; fsyncs are counted in a pass of their own"

    @staticmethod
    def run(bench):
        with contextlib.ExitStack() as stack:
            made = {}
            if bench.options.peers:
                made, peers_sink, peers_folder = stack.enter_context(bench.peers(members=1, domains=1, personal=False, hold=True))
            for sessions in SESSIONS:
                variant = f"{sessions} session" + ("s" if sessions > 1 else "")
                messages = bench.scaled(4_000 if sessions == 1 else 30_000)
                of_peers = bench.scaled(1_500 if sessions == 1 else 4_000)
                for _ in range(bench.rounds):
                    for delivering in (False, True):
                        with made_node(bench, delivering) as (node, sink, folder):
                            sample = accept(bench, node, sink, folder, messages, sessions)
                        bench.figures.add(Accept.NAME, variant, "essaim, delivering" if delivering else "essaim", *sample)
                    for name, contender in made.items():
                        sample = accept(bench, contender, peers_sink, peers_folder, of_peers, sessions)
                        bench.figures.add(Accept.NAME, variant, name, *sample)
                with made_node(bench) as (node, sink, folder):
                    bench.figures.note(Accept.NAME, variant, "essaim", "fsyncs",
                                       _syncs(bench, node, folder, messages, sessions))
                for name, contender in made.items():
                    bench.figures.note(Accept.NAME, variant, name, "fsyncs",
                                       _syncs(bench, contender, peers_folder, of_peers, sessions))
