"""What mail providers do with the link of a copy (RFC 8058)."""

import re
import subprocess

PUBLIC = "https://lists.example"  # the base of the links


def link_in(message):
    """The path of the link, as a mail provider takes it from the field."""
    uris = re.findall(r"<([^>]+)>", str(message["List-Unsubscribe"]).replace("\n", ""))
    https = [uri for uri in uris if uri.startswith("https:")]
    assert len(https) == 1 and len([uri for uri in uris if uri.startswith("mailto:")]) == 1, uris
    assert https[0].startswith(PUBLIC + "/unsubscribe/"), https
    return https[0][len(PUBLIC):]


def curl(url, *options):
    """Gives (status, header, body), as curl has them, without following anything."""
    result = subprocess.run(["curl", "-sS", "-i", "--max-time", "100", *options, url], capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr
    header, _, body = result.stdout.decode().partition("\r\n\r\n")
    if "100 Continue" in header:
        header, _, body = body.partition("\r\n\r\n")
    return int(header.split()[1]), header.lower(), body
