"""What a table gets: the options, a place to work in, and the way to measure one run."""

import contextlib
import pathlib
import resource
import shutil
import subprocess
import tempfile

from support import processes

from . import dns, essaim_node, exim_relay, figures, machine, meter, postfix_relay, receiving

PEERS = {"postfix": postfix_relay.Relay, "exim": exim_relay.Relay}


class Bench:
    def __init__(self, options):
        self.options = options
        self.rounds = options.rounds
        self.size = options.size
        self.work = pathlib.Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.work.chmod(0o755)  # peers run as users of their own
        self.remarks = []
        self.figures = figures.Figures(machine.QUIET)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def scaled(self, count):
        """A count of recipients or messages, less for a quick look."""
        return max(1, int(count * self.options.scale))

    def spread(self, personal):
        """Do peers send each domain to an address of its own? So they were faster with a transaction for each recipient;
        with many in one, a smart host lets them fill it."""
        return {"fastest": personal, "domain": True, "smarthost": False}[self.options.peers_by]

    @contextlib.contextmanager
    def folder(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=self.work))
        path.chmod(0o755)
        try:
            yield path
        finally:
            if self.options.keep:
                print(f"kept: {path}")
            else:
                shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def running(self, made):
        """Stops it in the end."""
        try:
            yield made
        finally:
            made.stop()

    def node(self, folder, members, domains=100, **settings):
        return essaim_node.Node(folder, self.work, members, domains, **settings)

    def sink(self, folder, **arguments):
        return self.running(receiving.Receiving(folder, **arguments))

    @contextlib.contextmanager
    def names(self, folder, sink, by_mx, domains=100):
        """The settings of a node that sends by MX (with a name server beside it), or to the sink as smart host."""
        if not by_mx:
            yield {"smarthost": sink.smarthost}
            return
        with self.running(dns.Names(folder, sink, domains)) as names:
            yield {"dns": names.address, "mx_port": sink.port}

    def say(self, text):
        self.remarks.append(text)

    def distribute(self, contender, sink, folder, recipients, posts=1, size=None, patience=900, first=None, finished=True,
                   **posting):
        """One run: from the first 250 to the last of `recipients` (of all posts together). Gives the sample and how busy
        others kept the machine before and meanwhile. `first` is called when the machine is as quiet as it gets. Unless
        `finished`, some recipients will never be reached."""
        load_before = machine.wait_for_quiet(self.options.patience)
        if first:
            first()
        before, cpu = sink.counters(), contender.group.cpu()
        others, peak = machine.Others([contender.group, sink.group]), meter.Peak(contender.group)
        sent = contender.post(folder, posts=posts, size=size or self.size, **posting)
        end = sink.wait(before["recipients"] + recipients, patience)
        share = others.share(sent.cpu)
        if finished:
            processes.wait_for(f"{contender.name} to finish", contender.idle, 120, every=0.2)
        seconds = max(0.001, end["last_ms"] / 1000 - sent.instants[0])  # both in whole milliseconds
        cpu = contender.group.cpu() - cpu
        sample = {"rate": recipients / seconds, "seconds": seconds, "cpu_us": cpu / recipients * 1e6,
                  "cpu_ms_post": cpu / posts * 1e3, "peak_mb": peak.megabytes(),
                  "resident_mb": contender.resident_peak_mb(),
                  "connections": end["connections"] - before["connections"], "max_connections": end["max_connections"],
                  "tls": end["tls"] - before["tls"], "resumed": end["resumed"] - before["resumed"]}
        return sample, load_before, share

    def essaim_run(self, table, variant, contender="essaim", members=None, domains=100, mx=None, sink_options=(), posts=1,
                   only=("rate", "cpu_us", "peak_mb"), size=None, derive=None, **settings):
        """A fresh node, one measured run (with mx: by name service, warmed by a post before), a row."""
        with self.folder() as folder, self.sink(folder, addresses=100 if mx else 1, options=sink_options) as sink:
            with self.names(folder, sink, mx, domains) as names, self.running(
                    self.node(folder, members, domains, **names, **settings)) as node:
                warm = (lambda: node.warm(folder, sink, domains)) if mx else None
                sample, load_before, share = self.distribute(node, sink, folder, members * posts, posts=posts, size=size,
                                                             first=warm)
        if derive:
            sample.update(derive(sample))
        self.figures.add(table, variant, contender, {key: sample[key] for key in only}, load_before, share)

    def bare_run(self, table, variant, recipients, per_transaction, size=None):
        with self.folder() as folder, self.sink(folder) as sink:
            load_before = machine.wait_for_quiet(self.options.patience)
            group = meter.Group("bare")
            others = machine.Others([group, sink.group])
            with group.starting():
                process = subprocess.Popen(
                    [processes.BUILD / "essaim-bare", "--to", sink.smarthost, "--connections", "20", "--size",
                     str(size or self.size), "--recipients", str(per_transaction), "--messages",
                     str(max(1, recipients // per_transaction))], stdout=subprocess.PIPE, text=True)
            out, _ = process.communicate(timeout=600)
            assert process.returncode == 0, out
            share = others.share()
            group.close()
        values = {key: float(value) for key, value in (part.split("=") for part in out.split())}
        self.figures.add(table, variant, "bare", {"rate": values["rate"], "cpu_us": values["cpu_us"]}, load_before, share)

    @contextlib.contextmanager
    def peers(self, **settings):
        """Postfix and Exim beside one sink, as {name: (contender, folder)}, and the sink."""
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(self.folder())
            sink = stack.enter_context(self.sink(folder, addresses=100))
            made = {}
            for name in self.options.peers:
                made[name] = stack.enter_context(self.running(PEERS[name](folder, sink, **settings)))
            yield made, sink, folder
