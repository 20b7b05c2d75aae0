"""What signatures cost: those that are made for copies, beside the bare signing rate of the library, and those that are verified."""

import re
import subprocess

from harness import machine
from support import dns, judges

from . import acceptance

KINDS = {"RSA-2048": ["rsa"], "Ed25519": ["ed25519"], "RSA-2048 and Ed25519": ["rsa", "ed25519"]}


def _library(bench, kind, cores):
    """Signatures a second of OpenSSL alone."""
    load_before = machine.wait_for_quiet(bench.options.patience)
    name, line = {"RSA-2048": ("rsa2048", r"rsa\s+2048 bits"), "Ed25519": ("ed25519", r"253 bits EdDSA \(Ed25519\)")}[kind]
    parallel = ["-multi", str(cores)] if cores > 1 else []
    out = subprocess.run(["openssl", "speed", "-seconds", "3", *parallel, name], check=True, capture_output=True, text=True).stdout
    return float(re.search(line + r"\s+\S+s\s+\S+s\s+([\d.]+)", out).group(1)), load_before


class Signing:
    NAME = "signing"
    HELP = "DKIM signatures: none, one for a post, one for each recipient; RSA-2048, Ed25519; on one and two cores"

    @staticmethod
    def run(bench):
        only = ("rate", "cpu_us", "peak_mb")
        for _ in range(bench.rounds):
            for cores in (1, 2):
                node = {"cores": cores, "extra": f"loops = {cores}", "only": only}
                where = f"{cores} core" + ("s" if cores > 1 else "")
                for kind, keys in KINDS.items():
                    members = bench.scaled(100_000)
                    bench.essaim_run(Signing.NAME, f"common, {kind}, {where}", members=members, envelope="common", keys=keys, **node)
                    members = bench.scaled(20_000)
                    variant = f"personal, {kind}, {where}"
                    if kind in ("RSA-2048", "Ed25519"):
                        rate, load_before = _library(bench, kind, cores)
                        bench.figures.add(Signing.NAME, variant, "bare", {"rate": rate}, load_before, 0)
                    bench.essaim_run(Signing.NAME, variant, members=members, keys=keys, **node)
                bench.essaim_run(Signing.NAME, f"common, unsigned, {where}", members=bench.scaled(100_000), envelope="common", **node)
                bench.essaim_run(Signing.NAME, f"personal, unsigned, {where}", members=bench.scaled(100_000), **node)


class Verifying:
    NAME = "verifying"
    HELP = "durable acceptance by 20 sessions of posts that are verified: SPF and DMARC, and a DKIM signature"

    @staticmethod
    def run(bench):
        messages = bench.scaled(10_000)
        for _ in range(bench.rounds):
            for variant in ("not verified", "no signature", "RSA-2048", "Ed25519"):
                with bench.folder() as folder:
                    fields, records = Verifying._signature(bench, folder, variant)
                    zone = "client IN MX 10 mx\n" + judges.zone_lines("example", records)
                    with bench.sink(folder) as sink, bench.running(dns.NameServer(folder, {"example": zone})) as names, bench.running(
                            bench.node(folder, 1, smarthost=sink.smarthost, dns=names.address, verify=variant != "not verified")) as node:
                        node.server.run("queue", "suspend", "--reason", "bench")
                        sample = acceptance.accept(bench, node, sink, folder, messages, 20, fields=fields)
                        if variant != "not verified":
                            log = node.server.log.read_text()
                            wanted = "dkim=none" if fields is None else "client.example pass"
                            assert log.count(wanted) >= messages, log[-2000:]
                bench.figures.add(Verifying.NAME, variant, "essaim", *sample)

    @staticmethod
    def _signature(bench, folder, kind):
        """A file with a signature of From and the body that fits all messages of essaim-source, and the records."""
        records = {"client.example": "v=spf1 ip4:127.0.0.1 -all", "_dmarc.client.example": "v=DMARC1; p=reject"}
        if kind not in ("RSA-2048", "Ed25519"):
            return None, records
        if kind == "RSA-2048":
            key, _, record = judges.rsa_key(folder)
        else:
            key, record = judges.ed25519_key()
        records["s1._domainkey.client.example"] = record
        line = "The bees of the swarm hang together in a cluster while their scouts look for a new home.\r\n"
        body = line * -(-(bench.size - 2) // len(line))
        message = f"From: author@client.example\r\n\r\n{body}".encode()
        signed = judges.dkimpy("sign", message, selector="s1", domain="client.example", key=key, headers=["from"],
                               canonicalize=("relaxed", "relaxed"), algorithm="rsa-sha256" if kind == "RSA-2048" else "ed25519-sha256")
        fields = folder / "fields"
        fields.write_bytes(signed[:-len(message)])
        return fields, records
