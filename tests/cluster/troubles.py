"""What happens to the cluster while traffic goes on: one trouble after the other, at random. Each is written down with its
times, so that the judge can tell what it explains."""

import contextlib
import dataclasses
import signal
import time

import cluster as cluster_module
from support import processes

QUICK, SLOW = (0.2, 3.0), (1.3, 2.0)  # seconds; and in times of takeover


@dataclasses.dataclass
class Trouble:
    kind: str
    nodes: tuple  # of Essaim, by number: whose outcomes it may have cut off
    began: float
    ended: float = 0.0


class Troubles:
    def __init__(self, world, traffic, log=print):
        self.world, self.traffic, self.log = world, traffic, log
        self.random = world.random
        self.done = []
        kinds = [self.kill_node] * 4 + [self.stop_node] * 2 + [self.kill_and_stay_away, self.stop_for_long, self.drain_node] \
            + [self.kill_database] * 2 + [self.stop_database, self.database_refuses, self.cut_wires, self.cut_wires, self.slow_wires, self.hold_wires,
               self.hold_wires_for_long] + [self.swallow_commits] * 3 + [self.restart_balancer]
        if world.network:
            kinds += [self.cut_machine_off] * 3
        self.kinds = kinds

    def some_node(self):
        return self.random.choice(self.world.nodes)

    def seconds(self, span):
        return self.random.uniform(*span)

    @contextlib.contextmanager
    def trouble(self, kind, *nodes):
        found = Trouble(kind, tuple(node.number for node in nodes), time.time())
        self.done.append(found)
        yield
        found.ended = time.time()

    def wait_takeover(self):
        time.sleep(self.seconds(SLOW) * cluster_module.TAKEOVER)

    # Essaim nodes

    def kill_node(self, away=0.5):
        node = self.some_node()
        with self.trouble("node killed", node):
            node.kill()
            time.sleep(away)
            node.start()
            node.wait_until_up()

    def kill_and_stay_away(self):
        node = self.some_node()
        with self.trouble("node killed for long", node):
            node.kill()
            self.wait_takeover()
            node.start()
            node.wait_until_up()

    def stop_node(self):
        node = self.some_node()
        with self.trouble("node stopped", node):
            node.process.send(signal.SIGSTOP)
            time.sleep(self.seconds(QUICK))
            node.process.send(signal.SIGCONT)

    def stop_for_long(self):
        node = self.some_node()
        with self.trouble("node stopped for long", node):
            node.process.send(signal.SIGSTOP)
            self.wait_takeover()
            node.process.send(signal.SIGCONT)
            time.sleep(2)

    def drain_node(self):
        node = self.some_node()
        with self.trouble("node drained", node):
            node.process.send(signal.SIGTERM)
            assert node.process.process.wait(90) == 0, node.process.output()[-3000:]
            node.start()
            node.wait_until_up()

    # Database nodes: one at a time, as two of three are needed

    def kill_database(self):
        db = self.random.choice(self.world.galera.nodes)
        with self.trouble("database killed", *self.world.nodes):
            db.kill()
            time.sleep(self.seconds(QUICK))
            db.restart()
            self.world.galera.wait_whole()

    def stop_database(self):
        db = self.random.choice(self.world.galera.nodes)
        with self.trouble("database stopped", *self.world.nodes):
            db.process.send(signal.SIGSTOP)
            time.sleep(self.random.choice([1.0, 10.0]))
            db.process.send(signal.SIGCONT)
            self.world.galera.wait_whole()

    def database_refuses(self):
        """It takes connections and no work, as one that has lost its cluster. The others have to do."""
        db = self.random.choice(self.world.galera.nodes)
        with self.trouble("database refuses", *self.world.nodes):
            db.sql("SET GLOBAL wsrep_reject_queries = ALL")
            try:
                time.sleep(1)
                seen = {node: node.log.stat().st_size for node in self.world.nodes}

                def all_take_posts():
                    return all(b" accepted " in node.log.read_bytes()[size:] for node, size in seen.items())

                processes.wait_for("each node to take posts beside a database that refuses", all_take_posts)
            finally:
                db.sql("SET GLOBAL wsrep_reject_queries = NONE")

    # Wires: from one node to all databases

    def wires_of(self, node):
        return f"n{node.number}-*"

    def cut_wires(self):
        node = self.some_node()
        with self.trouble("wires cut", node):
            for _ in range(self.random.choice([1, 5])):
                self.world.wires.cut(self.wires_of(node))
                time.sleep(self.seconds((0.05, 0.5)))

    def slow_wires(self):
        node = self.some_node()
        with self.trouble("wires slow", node):
            self.world.wires.delay(self.wires_of(node), self.seconds((0.01, 0.2)))
            time.sleep(self.seconds(QUICK))
            self.world.wires.heal(self.wires_of(node))

    def hold_wires(self):
        self.hold(self.some_node(), "wires held", self.seconds(QUICK))

    def hold_wires_for_long(self):
        """Cut off from the database it must not go on sending when others take over, though it reaches the exchangers."""
        self.hold(self.some_node(), "wires held for long", self.seconds(SLOW) * cluster_module.TAKEOVER)

    def hold(self, node, kind, seconds):
        with self.trouble(kind, node):
            self.world.wires.hole(self.wires_of(node), True)
            time.sleep(seconds)
            self.world.wires.heal(self.wires_of(node))
            time.sleep(1)

    def swallow_commits(self):
        node = self.some_node()
        with self.trouble("answers to COMMIT swallowed", node):
            self.world.wires.trap(self.wires_of(node), self.random.choice([1, 3]))
            with contextlib.suppress(AssertionError):
                processes.wait_for("a COMMIT", lambda: self.world.wires.trapped(self.wires_of(node)), timeout=5)
            self.world.wires.heal(self.wires_of(node))

    # The rest

    def restart_balancer(self):
        with self.trouble("balancer restarted"):
            self.world.balancer.process.send(signal.SIGKILL)
            self.world.balancer.process.process.wait()
            self.world.balancer.start()

    def cut_machine_off(self):
        """With its database node: the others go on, it must not."""
        number = self.random.randrange(cluster_module.NODES)
        node = self.world.nodes[number]
        with self.trouble("machine cut off", *self.world.nodes):
            self.world.network.machines[number].cut_off()
            time.sleep(self.random.choice([self.seconds(QUICK), self.seconds(SLOW) * cluster_module.TAKEOVER]))
            self.world.network.machines[number].cut_off(False)
            self.world.galera.wait_whole()
            assert node.process.running(), node.process.output()[-3000:]

    def go_on_for(self, seconds):
        until = time.monotonic() + seconds
        plan = []
        while time.monotonic() < until:
            if not plan:
                plan = list(self.kinds)
                self.random.shuffle(plan)
            trouble = plan.pop()
            trouble()
            self.log(f"{time.strftime('%T')} {self.done[-1].kind} {self.done[-1].nodes}, {len(self.traffic.posts)} posts")
            time.sleep(self.seconds((0.5, 3.0)))

    def each_once(self):
        for trouble in dict.fromkeys(self.kinds):
            trouble()
            self.log(f"{time.strftime('%T')} {self.done[-1].kind} {self.done[-1].nodes}, {len(self.traffic.posts)} posts")
            time.sleep(1)
