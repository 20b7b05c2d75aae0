"""Names for the sink: a real name server (NSD) with an MX for each domain of the members, each with a host of its own."""

from support import dns


class Names:
    def __init__(self, folder, sink, domains, dead=()):
        """The first domains have their hosts at the addresses `dead`."""
        records = []
        for i in range(domains):
            ip = dead[i] if i < len(dead) else sink.ips[i % len(sink.ips)]
            records.append(f"d{i} 3600 IN MX 10 mx.d{i}\nmx.d{i} 3600 IN A {ip}")
        self._server = dns.NameServer(folder, {"example": "\n".join(records)})
        self.address = self._server.address

    def stop(self):
        self._server.stop()
