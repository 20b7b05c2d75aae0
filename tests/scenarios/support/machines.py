"""Where a program runs: on this machine's loopback, or on a machine of its own, which is a network namespace joined to the
others by a bridge, and can be cut off from them."""

import contextlib
import os
import subprocess

from . import processes


class Loopback:
    """Several programs on one address."""

    address = "127.0.0.1"

    def command(self, command):
        return command

    def port(self):
        return processes.free_port(self.address)


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise OSError(f"{' '.join(command)}: {result.stderr.strip()}")


class Machine:
    """One namespace; ports are its own, so any will do."""

    def __init__(self, network, number):
        self.number, self.space = number, f"{network.name}-{number}"
        self.outer, self.inner = f"{network.name}o{number}", f"{network.name}i{number}"
        self.address = f"{network.prefix}.{number}"
        self.next_port = 2000
        run("ip", "netns", "add", self.space)
        run("ip", "link", "add", self.outer, "type", "veth", "peer", "name", self.inner)
        run("ip", "link", "set", self.inner, "netns", self.space)
        run("ip", "link", "set", self.outer, "master", network.bridge, "up")
        for words in (["link", "set", "lo", "up"], ["addr", "add", f"{self.address}/16", "dev", self.inner], ["link", "set", self.inner, "up"]):
            run("ip", "-n", self.space, *words)

    def command(self, command):
        return ["ip", "netns", "exec", self.space, *command]

    def port(self):
        self.next_port += 1
        return self.next_port

    def cut_off(self, cut=True):
        """Its packets are lost; nobody is told."""
        run("ip", "link", "set", self.outer, "down" if cut else "up")

    def remove(self):
        with contextlib.suppress(OSError):
            run("ip", "netns", "del", self.space)


class Network:
    """A bridge with this machine at `.254` of its network, and the machines made on it."""

    name = "network"

    @staticmethod
    def permitted():
        """Namespaces need rights that not every place gives."""
        if os.geteuid() != 0:
            return False
        try:
            Network(0).stop()
            return True
        except OSError:
            return False

    def __init__(self, machines):
        # Names of interfaces are short; the process makes them its own.
        tag = f"{os.getpid() % 0xfff:03x}"
        self.name, self.bridge, self.prefix = f"es{tag}", f"es{tag}b", f"10.{200 + os.getpid() % 50}.{os.getpid() % 250}"
        self.address = f"{self.prefix}.254"
        self.machines = []
        try:
            run("ip", "link", "add", self.bridge, "type", "bridge")
            run("ip", "addr", "add", f"{self.address}/16", "dev", self.bridge)
            run("ip", "link", "set", self.bridge, "up")
            for number in range(1, machines + 1):
                self.machines.append(Machine(self, number))
        except OSError:
            self.stop()
            raise

    def add_address(self, last):
        """One more of this machine: "10.x.y.last"."""
        address = f"{self.prefix}.{last}"
        run("ip", "addr", "add", f"{address}/16", "dev", self.bridge)
        return address

    def port(self):
        return processes.free_port(self.address)

    def stop(self):
        for machine in self.machines:
            machine.remove()
        with contextlib.suppress(OSError):
            run("ip", "link", "del", self.bridge)
