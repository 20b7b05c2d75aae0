"""The scenes of tests/load/run."""

import collections
import pathlib
import random
import re
import resource
import smtplib
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenarios"))
sys.path.insert(0, str(HERE.parent / "crash"))

from support import dns, essaim, processes, sink  # noqa: E402

import control  # noqa: E402
from crowd import Crowd  # noqa: E402

LIST = "dev@lists.example"
AUTHOR = "x@client.example"
SLOW_TALK = b"EHLO slow.example\r\nMAIL FROM:<slow@client.example>\r\nRCPT TO:<dev@lists.example>\r\n" + b"NOOP\r\n" * 1000
UNFINISHED = "SELECT COUNT(*) FROM batch_state WHERE queue <> 0"


class Scene:
    def __init__(self, folder, size):
        self.folder, self.size, self.parts = folder, size, []
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    def tear_down(self):
        for part in reversed(self.parts):
            try:
                part.stop()
            except AssertionError as error:
                print(f"  {error}")

    def add(self, part):
        self.parts.append(part)
        return part

    def say(self, text):
        print(f"  {text}", flush=True)

    def serve(self, limits="", delivery="", members=(), sink_options=(), environment=None, data_limit=None, **how):
        if "smarthost" not in how and "dns" not in how:
            self.sink = self.add(sink.Sink(self.folder, keep=False, options=sink_options))
            how["smarthost"] = self.sink.addresses[0]
        self.server = self.add(essaim.Essaim(self.folder, delivery=delivery, start=False, **how))
        self.server.config.write_text(self.server.config.read_text() + (f"\n[limits]\n{limits}\n" if limits else ""))
        self.server.environment = environment or {}
        self.server.start()
        if data_limit:
            resource.prlimit(self.server.process.pid, resource.RLIMIT_DATA, (data_limit, data_limit))
        self.server.make_list(LIST, members, post="anyone")

    def memory(self, field="VmRSS"):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+)", status).group(1)) // 1024

    def load(self, messages, sessions=4, expect=True):
        """Latency of an ordinary sender, as essaim-source measures it."""
        result = subprocess.run([str(processes.BUILD / "essaim-source"), "--to", f"127.0.0.1:{self.server.port}", "--from", AUTHOR,
                                 "--rcpt", LIST, "--sessions", str(sessions), "--messages", str(messages)],
                                capture_output=True, text=True, timeout=600)
        line = result.stdout.strip()
        if expect:
            assert result.returncode == 0, f"others were not served: {line} {result.stderr}"
        return line

    def in_queue(self):
        import sqlite3
        connection = sqlite3.connect(f"file:{self.server.database}?mode=ro", uri=True, timeout=60)
        try:
            return connection.execute(UNFINISHED).fetchone()[0] + connection.execute(
                "SELECT COUNT(*) FROM post WHERE expanded = 0").fetchone()[0]
        finally:
            connection.close()

    def drain(self, timeout=1200):
        began = time.monotonic()
        processes.wait_for("an empty queue", lambda: self.in_queue() == 0, timeout, every=0.5)
        return time.monotonic() - began

    # The scenes

    def idle(self):
        """10,000 idle and 2,000 slow connections while mail flows."""
        idle, slow, messages = int(10_000 * self.size), int(2_000 * self.size), int(2_000 * self.size)
        self.serve(limits="connections = 20000", members=[AUTHOR])
        before = self.memory()
        alone = self.load(messages)
        lazy = self.add(Crowd(self.server.port, idle))
        drip = self.add(Crowd(self.server.port, slow, text=SLOW_TALK))
        assert lazy.greetings["220"] == idle and drip.greetings["220"] == slow, f"{lazy.greetings} {drip.greetings}"
        beside = self.load(messages)
        self.say(f"resident {before} MB before, {self.memory()} MB with {idle} idle and {slow} slow connections "
                 f"({(self.memory() - before) * 1024 / (idle + slow):.1f} KB each)")
        self.say(f"others alone:  {alone}")
        self.say(f"others beside: {beside}")
        for crowd in (lazy, drip):
            crowd.stop()
            self.parts.remove(crowd)
        self.say(f"others after:  {self.load(messages)}; resident {self.memory()} MB")
        assert self.sink_is_complete(3 * messages)

    def sink_is_complete(self, count):
        self.drain()
        return len(self.sink.receipts()) == count

    def greedy(self):
        """One client opens as many as it can; then very many clients do."""
        count = int(5_000 * self.size)
        self.serve(limits='connections = 1000\nexempt = ["127.0.0.1"]', members=[AUTHOR])
        messages = int(1_000 * self.size)
        alone = self.load(messages)
        one = self.add(Crowd(self.server.port, count, source="127.0.0.66"))
        beside = self.load(messages)
        self.say(f"one client, {count} connections: {dict(one.greetings)}; resident {self.memory()} MB")
        assert one.greetings["220"] <= 50 and one.greetings["421"] > 0, one.greetings
        one.stop()
        self.parts.remove(one)
        self.say(f"others alone:  {alone}")
        self.say(f"others beside: {beside}")
        many = self.add(Crowd(self.server.port, 2_000, source="127.0.0.1"))
        self.say(f"more than limits.connections: {dict(many.greetings)}, {many.closed} closed")
        assert many.greetings["421"] > 0 and many.greetings["220"] <= 1_000, many.greetings
        many.stop()
        self.parts.remove(many)
        self.say(f"others after:  {self.load(messages)}")

    def pages(self):
        """wrk on somebody's link, and slow clients of HTTP, while mail flows."""
        messages, seconds = int(2_000 * self.size), max(2, int(10 * self.size))
        self.sink = self.add(sink.Sink(self.folder))
        self.serve(members=[AUTHOR], smarthost=self.sink.addresses[0], listen='[[listen]]\naddress = "127.0.0.1:0"\nrole = "http"\n',
                   extra='[http]\nbase_url = "https://lists.example"\nconnections_per_client = 0\nrequest_timeout = "60s"\n')
        port = self.server.port_of("http")
        alone = self.load(messages)
        self.drain()
        link = re.search(r"<https://lists\.example(/[^>]+)>", str(self.sink.message(self.sink.receipts()[0])["List-Unsubscribe"])).group(1)
        slow = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(int(300 * self.size))]
        for connection in slow:
            connection.sendall(f"POST {link} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-Unsub".encode())
        wrk = subprocess.Popen(["wrk", "-t1", "-c32", f"-d{seconds}s", f"http://127.0.0.1:{port}{link}"], stdout=subprocess.PIPE, text=True)
        beside = self.load(messages)
        said = wrk.communicate(timeout=seconds + 60)[0]
        rate = re.search(r"Requests/sec:\s+(\S+)", said)
        assert rate and "Non-2xx" not in said, said
        self.say(f"{rate.group(1)} pages a second for wrk beside {len(slow)} slow clients; resident {self.memory()} MB")
        self.say(f"others alone:  {alone}")
        self.say(f"others beside: {beside}")
        for connection in slow:
            connection.close()
        assert AUTHOR in self.server.run("member", "list", LIST), "looking and half a request change nothing"
        self.drain()
        assert len(self.sink.receipts()) == 2 * messages

    def large(self):
        """Messages of 50 MB by the dozen."""
        count, size = 24, int(50_000_000 * self.size)
        self.serve(limits='memory = "64M"\nmessage_size = "64M"', members=[AUTHOR])
        self.server.run("list", "set", LIST, "max_size=64M")
        before = self.memory()
        body = ("x" * 76 + "\n") * (size // 77)
        replies = collections.Counter()

        def send(number):
            text = essaim.message(AUTHOR, LIST, message_id=f"<large.{number}@client.example>", body=body)
            try:
                with smtplib.SMTP("127.0.0.1", self.server.port, local_hostname="client.example", timeout=600) as client:
                    client.ehlo()
                    client.mail(AUTHOR)
                    client.rcpt(LIST)
                    replies[client.data(text)[0]] += 1
            except (OSError, smtplib.SMTPException) as error:
                replies[str(error)] += 1

        threads = [threading.Thread(target=send, args=(n,)) for n in range(count)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        beside = self.load(100, sessions=1)
        peak = 0
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, self.memory())
            time.sleep(0.2)
        took = time.monotonic() - began
        drained = self.drain()
        self.say(f"{count} messages of {size // 1_000_000} MB: replies {dict(replies)} in {took:.1f} s, delivered {drained:.1f} s later")
        self.say(f"resident {before} MB before, {max(peak, self.memory('VmHWM'))} MB at most")
        self.say(f"others beside: {beside}")
        assert not set(replies) - {250, 452, 451, 421}, replies
        assert self.sink.recipients()[AUTHOR] == 100 + replies[250]

    def million(self):
        """A list of a million members with little memory."""
        count = int(1_000_000 * self.size)
        self.serve(data_limit=640 << 20)
        members = self.folder / "members"
        members.write_text("".join(f"m{i}@d{i % 5000}.example\n" for i in range(count)))
        began = time.monotonic()
        subprocess.run([str(processes.BUILD / "essaim"), "member", "add", LIST, "--file", str(members), "--config",
                        str(self.server.config)], check=True, capture_output=True, timeout=1800)
        self.say(f"{count} members added in {time.monotonic() - began:.1f} s")
        self.server.run("domain", "create", "lists.example", check=False)
        self.server.run("list", "create", "small@lists.example", "--owner", "owner@people.example")
        self.server.run("list", "set", "small@lists.example", "post=anyone")
        self.server.run("member", "add", "small@lists.example", AUTHOR)
        before = self.memory()
        began = time.monotonic()
        reply = self.server.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))
        assert reply[0] == 250, reply
        self.say(f"accepted in {(time.monotonic() - began) * 1000:.0f} ms; resident {before} MB before")
        waits = []
        while self.in_queue() or not waits:
            sent = time.monotonic()
            reply = self.server.post(AUTHOR, "small@lists.example", essaim.message(AUTHOR, "small@lists.example"))
            assert reply[0] == 250, reply
            self.server.wait_finished(self.server.queue_id(reply), timeout=60)
            waits.append(time.monotonic() - sent)
            time.sleep(1.0)
        took = time.monotonic() - began
        got = len({r.recipient for r in self.sink.receipts()} - {AUTHOR})
        waits.sort()
        self.say(f"{got} recipients in {took:.1f} s ({got / took:.0f} a second); resident at most {self.memory('VmHWM')} MB under a "
                 f"limit of 640 MB of data")
        self.say(f"a small post beside it, from its first command to the last outcome: median {waits[len(waits) // 2]:.2f} s, "
                 f"longest {waits[-1]:.2f} s ({len(waits)} posts)")
        assert got == count, f"{got} of {count}"

    def provider(self):
        """One provider holds nine recipients of ten and answers slowly."""
        count = int(10_000 * self.size)
        port = processes.free_port("127.5.0.1")
        slow = self.add(sink.Sink(self.folder, listen=[f"127.5.0.1:{port}"], keep=False, options=["--latency", "300"]))
        quick = self.add(sink.Sink(self.folder, listen=[f"127.5.0.2:{port}"], keep=False))
        zone = "slow IN MX 10 mx.slow\nmx.slow IN A 127.5.0.1\n" + "".join(
            f"d{i} IN MX 10 mx.quick\n" for i in range(50)) + "mx.quick IN A 127.5.0.2\n"
        names = self.add(dns.NameServer(self.folder, {"example": zone}))
        members = [f"m{i}@slow.example" if i % 10 else f"m{i}@d{i // 10 % 50}.example" for i in range(count)]
        self.serve(dns=names.address, mx_port=port, members=members)
        before = self.memory()
        posts = 3
        began = time.monotonic()
        for _ in range(posts):
            assert self.server.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))[0] == 250
        others = posts * count // 10
        processes.wait_for("the others", lambda: len(quick.receipts()) >= others, 600, every=0.2)
        at_others = time.monotonic() - began
        slow_then = len(slow.receipts())
        self.drain()
        took = time.monotonic() - began
        self.say(f"{posts} posts to {count}: the others' {others} recipients had it after {at_others:.1f} s, when the provider had "
                 f"{slow_then}; its {len(slow.receipts())} after {took:.1f} s")
        self.say(f"resident {before} MB before, {self.memory('VmHWM')} MB at most")
        assert len(slow.receipts()) == posts * count - others
        assert slow_then < posts * count - others, "the others had to wait for the slow provider"

    def day(self):
        """A day of simulated time: destinations come and go, posts go on."""
        factor = 720
        hours = max(2, int(24 * self.size))
        number = 8
        port = processes.free_port("127.6.0.1")
        hosts = {}
        zone = "".join(f"d{i} IN MX 10 mx{i}\nmx{i} IN A 127.6.0.{i + 1}\n" for i in range(number))
        names = self.add(dns.NameServer(self.folder, {"example": zone}))
        clock = control.Control(self.folder / "control")
        clock["clock_factor"] = factor
        environment = {"LD_PRELOAD": str(processes.BUILD / "libessaim_shim.so"), "ESSAIM_SHIM_CONTROL": str(clock.path)}
        members = [f"m{i}@d{i % number}.example" for i in range(200)]
        # The network has the real time: what takes a millisecond takes most of a second here.
        self.serve(dns=names.address, mx_port=port, members=members, environment=environment,
                   delivery='connect_timeout = "5m"\ncommand_timeout = "1h"\nretry_max = "1h"', limits='command_timeout = "1h"\ndata_timeout = "1h"')
        receipts, chooser, accepted, down = [], random.Random(7), [], collections.Counter()
        end = time.monotonic() + hours * 3600 / factor
        while time.monotonic() < end:
            for i in range(number):
                if i in hosts and chooser.random() < 0.3:
                    hosts.pop(i).stop()
                    down[i] += 1
                elif i not in hosts and chooser.random() < 0.5:
                    hosts[i] = sink.Sink(self.folder, listen=[f"127.6.0.{i + 1}:{port}"], keep=False)
                    receipts.append(hosts[i])
            message_id = f"<day.{len(accepted)}@client.example>"
            if self.server.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST, message_id=message_id))[0] == 250:
                accepted.append(message_id)
            time.sleep(1.0)
        for i in range(number):
            if i not in hosts:
                hosts[i] = sink.Sink(self.folder, listen=[f"127.6.0.{i + 1}:{port}"], keep=False)
                receipts.append(hosts[i])
        took = self.drain(timeout=600)
        self.parts += list(hosts.values())
        got = collections.defaultdict(collections.Counter)
        for one in receipts:
            for receipt in one.receipts():
                got[receipt.message_id][receipt.recipient] += 1
        missing = sum(len(members) - len(got[m]) for m in accepted)
        twice = sum(n - 1 for counts in got.values() for n in counts.values())
        self.say(f"{hours} hours: {len(accepted)} posts to {len(members)} members, {sum(down.values())} times a destination went away; "
                 f"the rest was delivered {took * factor / 3600:.1f} hours after the last came back")
        self.say(f"missing {missing}, twice {twice}; resident at most {self.memory('VmHWM')} MB")
        assert missing == 0
        # A host that goes away takes the replies to final dots with it.
        assert twice <= sum(down.values()) * 20, twice
