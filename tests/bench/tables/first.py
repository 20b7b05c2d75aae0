"""A small list while a large post is under way: how long after the 250 its first recipient has it."""

import threading
import time

from harness import machine
from harness.essaim_node import LIST
from support import essaim

TEN = "ten@lists.example"
PAUSE = 0.02  # between small posts


def _small_posts(node, stop, acknowledged):
    """Posts to the small list over one session until the large one is out; notes the instant of each 250."""
    number = 0
    with node.server.client() as client:
        client.ehlo()
        while not stop.is_set():
            number += 1
            message_id = f"<small.{number}.{id(stop)}@client.example>"
            text = essaim.message("x@client.example", TEN, message_id=message_id)
            client.mail("x@client.example")
            client.rcpt(TEN)
            code, reply = client.data(text.encode())
            assert code == 250, reply
            acknowledged[message_id] = time.time()
            time.sleep(PAUSE)


def _round(bench, members, waits, by_mx):
    with bench.folder() as folder, bench.sink(folder, receipts=True, addresses=100) as sink, bench.names(
            folder, sink, by_mx) as names, bench.running(bench.node(folder, members, **names)) as node:
        node.server.make_list(TEN, [f"t{i}@d{i}.example" for i in range(10)], post="anyone")
        load_before = machine.wait_for_quiet(bench.options.patience)
        if by_mx:
            node.warm(folder, sink, 100)
        others = machine.Others([node.group, sink.group])
        before = sink.counters()["recipients"]
        sent = node.post(folder)
        stop, acknowledged = threading.Event(), {}
        poster = threading.Thread(target=_small_posts, args=(node, stop, acknowledged))
        poster.start()
        sink.wait(before + members, 300, every=0.05)
        share = others.share(sent.cpu)
        ended = time.time()
        stop.set()
        poster.join()
        sink.wait(before + members + 10 * len(acknowledged), 60)
        firsts = {}
        for receipt in sink.sink.receipts():
            if receipt.message_id in acknowledged:
                instant = int(receipt.time) / 1000
                firsts[receipt.message_id] = min(firsts.get(receipt.message_id, instant), instant)
    for message_id, instant in acknowledged.items():
        if instant < ended:
            waits.append(max(0.0, (firsts[message_id] - instant) * 1000))
    return load_before, share


class First:
    NAME = "first"
    HELP = "from the 250 to the first of 10 recipients, while a post to 100,000 is delivered"

    @staticmethod
    def run(bench):
        members = bench.scaled(100_000)
        for by_mx in (False, True):
            waits, load_before, share = [], 0.0, 0.0
            for _ in range(bench.rounds):
                load, others = _round(bench, members, waits, by_mx)
                load_before, share = max(load_before, load), max(share, others)
            if not waits:  # the large post was out before a small one was in
                continue
            waits.sort()
            variant, contender = f"beside a post to {members:,}", "essaim by MX" if by_mx else "essaim"
            for wait in waits:
                bench.figures.add(First.NAME, variant, contender, {"first_ms": wait}, load_before, share)
            bench.figures.note(First.NAME, variant, contender, "p99_ms", waits[int(len(waits) * 0.99)])
