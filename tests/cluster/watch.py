"""Lists and members that are made while the cluster works, and asked for on every node at once: none may say that there is no
such list. (That a new member gets what is posted from then on, whichever node takes it, is judged by what arrives.)"""

import smtplib
import threading


class Newcomers:
    def __init__(self, world):
        self.world = world
        self.stopping = threading.Event()
        self.broken, self.asked, self.deferred = [], 0, 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()

    def all_broken(self):
        return self.broken if self.asked else ["no node answered whether it knows a new list: nothing was shown"]

    def _run(self):
        count = 0
        while not self.stopping.is_set():
            count += 1
            address = f"new{count}@lists.example"
            self.world.server.run("list", "create", address, "--owner", "owner@people.example", check=False)
            if self.world.server.last.returncode == 0:
                askers = [threading.Thread(target=self._ask, args=(node, address)) for node in self.world.nodes]
                for asker in askers:
                    asker.start()
                for asker in askers:
                    asker.join()
            self.stopping.wait(0.5)

    def _ask(self, node, address):
        try:
            with smtplib.SMTP(node.place.address, node.port, local_hostname="client.example", timeout=20,
                              source_address=(self.world.asker_address, 0)) as client:
                client.ehlo()
                client.mail("owner@people.example")
                code, words = client.rcpt(address)
        except (OSError, smtplib.SMTPException):
            return  # it is in trouble
        self.asked += 1
        self.deferred += 400 <= code < 500
        if code >= 500:
            self.broken.append(f"{node.name} said of {address}, which was there: {code} {words.decode()}")
