"""Called by contrib/cluster-demo: the cluster, a list, posts while one of each kind of node is killed, and the account."""

import collections
import pathlib
import random
import smtplib
import tempfile
import threading
import time

import cluster as cluster_module
import verdict as verdict_module
from support import essaim

LIST, MEMBERS = "bees@lists.example", 3_000


def bold(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


class Author:
    """Posts until it is told to stop; tries again until a post has its 250, as a mail server does."""

    def __init__(self, world):
        self.world, self.acknowledged, self.again = world, [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.is_set():
            identity = f"<{len(self.acknowledged)}@desk.example>"
            text = essaim.message("keeper@desk.example", LIST, message_id=identity)
            while True:
                try:
                    with smtplib.SMTP(self.world.address, self.world.port, local_hostname="desk.example", timeout=30) as client:
                        client.sendmail("keeper@desk.example", [LIST], text)
                    break
                except (OSError, smtplib.SMTPException):
                    self.again += 1
                    time.sleep(0.2)
            self.acknowledged.append(identity)
            self.stopping.wait(0.5)


def show_nodes(world):
    for node in world.nodes:
        count = node.log.read_bytes().count(b" delivered ")
        print(f"  {node.name}: {'runs' if node.running() else 'is gone'}, {count} recipients delivered")


def main():
    world = cluster_module.Cluster(pathlib.Path(tempfile.mkdtemp(prefix="essaim-cluster-demo-")), random.Random(1), big_members=1, small=0, big=0)
    author = None
    good = False
    try:
        bold("1. Three database nodes, three Essaim nodes, HAProxy in front, mail exchangers")
        world.set_up()
        for db, node in zip(world.galera.nodes, world.nodes):
            print(f"  {db.name} on {db.address}:{db.port}, {node.name} on {node.place.address}:{node.port}, /readyz on port {node.status_port}")
        print(f"  haproxy on {world.address}:{world.port}")
        bold(f"2. A list with {MEMBERS} members, made through one database node")
        world.server.make_list(LIST, [f"m{k}@d{k % 100}.example" for k in range(MEMBERS)], post="anyone")
        print(world.server.run("list", "show", LIST))
        bold("3. Posts come in through the balancer, two a second")
        author = Author(world)
        author.thread.start()
        time.sleep(8)
        show_nodes(world)
        bold("4. kill -9 of an Essaim node")
        world.nodes[0].kill()
        time.sleep(6)
        show_nodes(world)
        bold("5. kill -9 of a database node")
        world.galera.nodes[1].kill()
        time.sleep(10)
        print(f"  the database cluster has {world.galera.size()} nodes")
        show_nodes(world)
        bold("6. kill -9 of the balancer; it is started again")
        world.balancer.process.process.kill()
        world.balancer.process.process.wait()
        time.sleep(1)
        world.balancer.start()
        bold("7. All come back")
        world.nodes[0].start()
        world.nodes[0].wait_until_up()
        world.galera.nodes[1].restart()
        world.galera.wait_whole()
        time.sleep(5)
        author.stopping.set()
        author.thread.join()
        verdict_module.wait_for_quiet(world)
        show_nodes(world)
        good = account(world, author)
    finally:
        if author:
            author.stopping.set()
        world.tear_down()
        world.remove() if good else print(f"kept: {world.folder}")
    return 0 if good else 1


def account(world, author):
    bold("8. The account")
    arrived = collections.defaultdict(collections.Counter)
    for receipt in world.sink.receipts():
        arrived[receipt.message_id][receipt.recipient] += 1
    rows = {row["message_id"]: row for row in world.server.json("post", "find", "--list", LIST, "--limit", "100000")}
    missing = twice = disagree = 0
    for identity in author.acknowledged:
        got, counts = arrived[identity], rows[identity]["counts"] if identity in rows else None
        missing += MEMBERS - len(got)
        twice += sum(n - 1 for n in got.values())
        disagree += counts is None or counts["delivered"] != len(got) or counts["pending"] != 0
    print(f"  posts acknowledged: {len(author.acknowledged)}; attempts that got no 250 and were made again: {author.again}")
    print(f"  recipients: {len(author.acknowledged) * MEMBERS} expected, {sum(len(a) for a in arrived.values())} reached")
    print(f"  lost: {missing}; got it twice: {twice} (under way, or not yet recorded, at a kill)")
    print(f"  posts whose ledger does not agree with the mail exchangers: {disagree}; in the ledger twice: "
          f"{len(rows) - len(set(rows))}; not acknowledged but in the ledger: {len(set(rows) - set(author.acknowledged))}")
    good = not missing and not disagree
    bold("Done: nothing acknowledged was lost." if good else "BROKEN: a promise was not kept.")
    return good


if __name__ == "__main__":
    raise SystemExit(main())
