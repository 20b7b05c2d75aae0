"""Several nodes on one MariaDB, each as on a machine of its own, with one sink as the world."""

import re
import signal

from . import essaim, mariadb, processes, sink

AUTHOR = "x@client.example"
LEASE = 6  # seconds; what a loaded machine delays must not look like death


class Nodes(processes.Scenario):
    """Starts the database and the sink; node(name) adds a node."""

    sink_options = ()
    sink_keeps = False  # the messages

    def setUp(self):
        super().setUp()
        self.database = self.started(mariadb.MariaDb())
        self.sink = self.started(sink.Sink(self.folder, keep=self.sink_keeps, options=self.sink_options))

    def node(self, name, delivery="", extra="", listen="", by_mx=False, **options):
        smarthost = None if by_mx else self.sink.addresses[0]
        node = essaim.Essaim(self.folder, smarthost=smarthost, database=self.database.url(timeout=3), name=name,
                             hostname=f"{name}.lists.example", extra=extra, delivery=delivery, start=False,
                             listen=f'{listen}[cluster]\nlease = "{LEASE}s"\n', **options)
        return self.started(node.start())

    def post(self, node, address):
        reply = node.post(AUTHOR, address, essaim.message(AUTHOR, address))
        self.assertEqual(250, reply[0], reply)
        return node.queue_id(reply)

    def delivered_by(self, node):
        """How many recipients this node's log says it has delivered to."""
        return len(re.findall(r" delivered id=", node.process.output()))

    def wait_for_log(self, node, words, timeout=processes.PATIENCE, since=0):
        return processes.wait_for(f"'{words}' in the log of {node.name}", lambda: words in node.process.output()[since:], timeout)

    def states(self, node):
        return {one["hostname"].partition(".")[0]: one["state"] for one in node.json("node", "list")}

    def pause(self, node):
        node.process.send(signal.SIGSTOP)

    def go_on(self, node):
        node.process.send(signal.SIGCONT)
