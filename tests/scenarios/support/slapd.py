"""A directory: OpenLDAP's slapd with people in it, on loopback."""

import pathlib
import subprocess

from . import processes

BASE = "dc=example,dc=org"


class Slapd:
    name = "slapd"

    def __init__(self, folder, people, pem=None, authority=None):
        """`people`: (uid, password, addresses) of each. `pem`: certificate with its key, for STARTTLS, and for TLS at
        `secure_url`, and on 127.0.0.2 at the same port."""
        self.folder = folder / "slapd"
        self.folder.mkdir()
        (self.folder / "data").mkdir()
        self.log = self.folder / "log"
        self.port = processes.free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        port = processes.free_port()
        self._secure = [f"ldaps://127.0.0.{i}:{port}" for i in (1, 2)] if pem else []
        self.secure_url = f"ldaps://127.0.0.1:{port}"
        schema = pathlib.Path("/etc/ldap/schema")
        tls = f"TLSCertificateFile {pem}\nTLSCertificateKeyFile {pem}\nTLSCACertificateFile {authority}\n" if pem else ""
        self.config = self.folder / "slapd.conf"
        self.config.write_text(
            "".join(f"include {schema}/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
            + f"pidfile {self.folder}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n{tls}"
            + f'database mdb\nsuffix "{BASE}"\ndirectory {self.folder}/data\nrootdn "cn=root,{BASE}"\nrootpw root\n'
            + "access to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n")
        entries = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"
        entries += f"dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n\n"
        for uid, password, addresses in people:
            entries += (f"dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\ncn: {uid}\nsn: {uid}\nuid: {uid}\n"
                        f"userPassword: {password}\n" + "".join(f"mail: {a}\n" for a in addresses) + "\n")
        file = self.folder / "people.ldif"
        file.write_text(entries)
        subprocess.run(["/usr/sbin/slapadd", "-f", self.config, "-l", file], check=True, capture_output=True)
        self.process = None
        self.start()

    def start(self):
        self.process = processes.Process("slapd", ["/usr/sbin/slapd", "-d", "0", "-f", self.config, "-h", " ".join([self.url, *self._secure])], self.log)
        processes.wait_for("slapd", lambda: processes.accepts_connections("127.0.0.1", self.port) or not self.process.running())
        assert self.process.running(), self.process.output()

    def stop(self):
        self.process.stop()
