"""A certificate authority of the test's own, by openssl, and what TLSA records say of its certificates."""

import hashlib
import subprocess


class Authority:
    def __init__(self, folder, name="Test authority"):
        self.folder = folder
        self.key, self.pem = folder / "authority.key", folder / "authority.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                      "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.key,
                      "-out", self.pem)
        self.pem.chmod(0o644)

    def issue(self, file, names=(), emails=(), addresses=(), days=30):
        """PEM file with certificate, authority and key. A negative number of days: it is over since then."""
        key, request, certificate, both = (self.folder / f"{file}.{kind}" for kind in ("key", "csr", "crt", "pem"))
        extensions = self.folder / f"{file}.ext"
        alternatives = [f"DNS:{name}" for name in names] + [f"email:{email}" for email in emails]
        alternatives += [f"IP:{address}" for address in addresses]
        extensions.write_text("basicConstraints=CA:FALSE\nsubjectAltName=" + ",".join(alternatives) + "\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={file}",
                      "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions, "-out", certificate)
        both.write_text(certificate.read_text() + self.pem.read_text() + key.read_text())
        both.chmod(0o644)
        return both

    def self_signed(self, file, name):
        key, certificate, both = (self.folder / f"{file}.{kind}" for kind in ("key", "crt", "pem"))
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate)
        both.write_text(certificate.read_text() + key.read_text())
        both.chmod(0o644)
        return both

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def tlsa(pem, usage=3, selector=1):
    """"3 1 1 <SHA-256>" of the first certificate in the file."""
    form = ["-pubkey", "-noout"] if selector == 1 else ["-outform", "DER"]
    data = subprocess.run(["openssl", "x509", "-in", pem, *form], check=True, capture_output=True).stdout
    if selector == 1:
        data = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=data, check=True, capture_output=True).stdout
    return f"{usage} {selector} 1 {hashlib.sha256(data).hexdigest()}"
