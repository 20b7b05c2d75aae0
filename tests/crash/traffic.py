"""Senders that do not give up, members that come and go."""

import collections
import random
import smtplib
import threading
import time

from support import essaim

import people as people_module


class Post:
    def __init__(self, list_, message_id, sender="x@client.example"):
        self.list, self.message_id, self.sender = list_, message_id, sender
        self.rejected = False  # by a moderator; `acknowledged` is then the time of that
        self.first_try = time.time()
        self.acknowledged = None
        self.tries = 0
        self.unread = 0      # final dots whose reply we did not wait for, or that was lost with the server
        self.replies = []    # all 250 with their ids


class Traffic:
    def __init__(self, world, small_senders=3):
        self.world = world
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.command_lock = threading.Lock()  # held while a command of the operator runs
        self.posts = []
        self.churn = collections.defaultdict(list)  # (list, address) -> [(verb, began, ended, succeeded)]
        self.more_big = threading.Event()  # set: a big post is wanted now
        senders = [self._small] * small_senders + [self._big, self._fleeting, self._to_owner]
        self._threads = [threading.Thread(target=t, args=(n,), daemon=True) for n, t in enumerate(senders)]
        self._threads.append(threading.Thread(target=self._churn, daemon=True))
        self.people = people_module.People(world, self) if world.people else None
        if self.people:
            self._threads += self.people.threads

    def start(self):
        for thread in self._threads:
            thread.start()

    def let_people_in(self):
        if self.people:
            self.people.may_begin.set()

    def stop(self, timeout=180):
        """Each sender tries until it has its 250: the server must be up."""
        self.stopping.set()
        self.more_big.set()
        self.let_people_in()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    # One try. The reply, or None when it did not come.

    def _try(self, post, text, read_reply):
        sent_dot = False
        try:
            client = smtplib.SMTP(self.world.address, self.world.port, local_hostname="client.example", timeout=20)
            try:
                client.ehlo()
                client.mail(post.sender)
                if client.rcpt(post.list)[0] != 250 or client.docmd("DATA")[0] != 354:
                    return None
                client.send(text.encode())
                sent_dot = True
                client.send(b".\r\n")
                if not read_reply:
                    return None
                code, words = client.getreply()
                sent_dot = False
                return code, words.decode()
            finally:
                client.close()
        except (OSError, smtplib.SMTPException):
            return None
        finally:
            post.unread += sent_dot

    def post(self, list_, message_id, chooser, drop=0.0):
        post = Post(list_, message_id)
        with self.lock:
            self.posts.append(post)
        text = essaim.message("x@client.example", list_, message_id=message_id)
        self.insist(post, text, chooser, drop)
        # Some lose their memory and send once more what was accepted.
        if chooser.random() < drop / 2 and not self.stopping.is_set():
            reply = self._try(post, text, True)
            if reply is not None and reply[0] == 250:
                post.replies.append(reply[1])
        return post

    def insist(self, post, text, chooser, drop=0.0):
        """Until it is accepted. `drop`: how often the reply is not waited for."""
        while post.acknowledged is None:
            post.tries += 1
            reply = self._try(post, text, chooser.random() >= drop)
            if reply is not None and reply[0] == 250:
                post.acknowledged = time.time()
                post.replies.append(reply[1])
            elif reply is not None and reply[0] >= 500:
                raise AssertionError(f"{post.message_id} was refused for good: {reply}")
            else:
                time.sleep(0.05)

    def _small(self, number):
        chooser = random.Random(number)
        lists = [a for a in self.world.lists if a.startswith("small")]
        count = 0
        while not self.stopping.is_set():
            self.post(chooser.choice(lists), f"<s.{number}.{count}@client.example>", chooser, drop=0.15)
            count += 1
            time.sleep(0.03)

    def _big(self, number):
        chooser = random.Random(number)
        lists = [a for a in self.world.lists if a.startswith("big")]
        count = 0
        while not self.stopping.is_set():
            self.post(chooser.choice(lists), f"<b.{number}.{count}@client.example>", chooser)
            count += 1
            self.more_big.wait(6.0)
            self.more_big.clear()

    def _fleeting(self, number):
        count = 0
        chooser = random.Random(number)
        while not self.stopping.is_set():
            self.post(self.world.fleeting, f"<f.{number}.{count}@client.example>", chooser)
            count += 1
            self.stopping.wait(1.0)

    def _to_owner(self, number):
        """Mail for an owner who is refused: what is reported about it is not followed, but it goes on all the time."""
        count = 0
        address = self.world.owned.replace("@", "-owner@")
        while not self.stopping.is_set():
            post = Post(address, f"<o.{number}.{count}@client.example>")
            self._try(post, essaim.message("x@client.example", address, message_id=post.message_id), True)
            count += 1
            self.stopping.wait(0.5)

    def _churn(self):
        chooser = random.Random(4711)
        present = collections.defaultdict(set)
        lists = [a for a in self.world.lists if a not in (self.world.fleeting, self.world.moderated)]
        count = 0
        while not self.stopping.is_set():
            list_ = chooser.choice(lists)
            if present[list_] and chooser.random() < 0.5:
                address, verb = present[list_].pop(), "remove"
            else:
                count += 1
                address, verb = f"c{count}@churn.example", "add"
                present[list_].add(address)
            with self.command_lock:
                began = time.time()
                self.world.server.run("member", verb, list_, address, check=False)
                self.churn[list_, address].append((verb, began, time.time(), self.world.server.last.returncode == 0))
            time.sleep(0.1)
