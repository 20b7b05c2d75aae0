"""HAProxy as Debian has it, in front of servers on loopback: it connects to them from an address of its own."""

import re

from . import processes

ADDRESS = "127.0.0.7"  # from which it connects


class HAProxy:
    name = "haproxy"

    def __init__(self, folder, configuration, environment=None):
        """`configuration` is a text, or a file that takes what it needs from the environment."""
        self.folder = folder / "haproxy"
        self.folder.mkdir()
        self.log = self.folder / "log"
        if not hasattr(configuration, "exists"):
            (self.folder / "haproxy.cfg").write_text(configuration)
            configuration = self.folder / "haproxy.cfg"
        self.configuration, self.environment = configuration, environment or {}
        self.start()

    def start(self):
        # -db: in the foreground, so that it can be ended by its pid.
        self.process = processes.Process("haproxy", ["haproxy", "-db", "-f", self.configuration], self.log, env=self.environment)
        return self

    def restart(self):
        self.process.stop()
        self.start()

    def marked(self, server, state):
        """Waits until it says that the server is UP or DOWN: as its last word on it."""
        pattern = re.compile(rf"Server \S+/{server} is (UP|DOWN)")

        def seen():
            words = pattern.findall(self.process.output())
            assert self.process.running(), self.process.output()[-2000:]
            return words and words[-1] == state

        processes.wait_for(f"{server} to be {state} for haproxy", seen)

    def stop(self):
        self.process.stop()


def smtp_checked(port, server, proxy):
    """One server behind `port`, asked by EHLO whether it is well. `proxy` is send-proxy or send-proxy-v2."""
    return f"""
global
    log stdout format raw local0 info
defaults
    mode tcp
    log global
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend smtp
    bind 127.0.0.1:{port}
    default_backend essaim
backend essaim
    option smtpchk EHLO haproxy.example
    source {ADDRESS}
    server node1 {server} check inter 100ms rise 2 fall 2 {proxy} check-send-proxy
"""
