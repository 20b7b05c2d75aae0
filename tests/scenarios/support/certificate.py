"""A certificate that nobody vouches for, as most mail servers have."""

import subprocess


def make(folder, name="mx1.lists.example"):
    """PEM file with the certificate and its key, readable by every server that runs as somebody else."""
    key, certificate, both = (folder / f"{name}.{kind}" for kind in ("key", "crt", "pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    both.chmod(0o644)
    return both
