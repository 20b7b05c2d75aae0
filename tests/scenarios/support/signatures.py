"""Messages signed and encrypted afresh, by openssl with an authority of its own and by gpg with a key of its own, and verified
by the same programs."""

import os
import re
import subprocess


def _run(command, data=b"", env=None):
    return subprocess.run([str(part) for part in command], input=data, capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})


def _checked(command, data=b"", env=None):
    result = _run(command, data, env)
    if result.returncode != 0:
        raise AssertionError(f"{command[:3]}: {result.stderr.decode(errors='replace')}")
    return result.stdout


def crlf(raw):
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Smime:
    def __init__(self, folder, author):
        self._folder = folder / "smime"
        self._folder.mkdir()
        self.ca, self.key, self.certificate = (self._folder / name for name in ("ca.pem", "key.pem", "cert.pem"))
        ca_key, request, extensions = (self._folder / name for name in ("ca.key", "request", "extensions"))
        new_key = ["-newkey", "rsa:2048", "-nodes"]
        _checked(["openssl", "req", "-x509", *new_key, "-keyout", ca_key, "-out", self.ca, "-days", "2", "-subj", "/CN=Test authority"])
        _checked(["openssl", "req", *new_key, "-keyout", self.key, "-out", request, "-subj", f"/CN={author}"])
        extensions.write_text(f"subjectAltName=email:{author}\nkeyUsage=digitalSignature,keyEncipherment\n"
                              "extendedKeyUsage=emailProtection\n")
        _checked(["openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                  "-extfile", extensions, "-out", self.certificate])

    def signed(self, entity, detached=True):
        """Content-* fields and body: multipart/signed, or application/pkcs7-mime when opaque."""
        return _checked(["openssl", "cms", "-sign", "-signer", self.certificate, "-inkey", self.key, "-md", "sha256",
                         *([] if detached else ["-nodetach"])], crlf(entity))

    def encrypted(self, entity):
        return _checked(["openssl", "cms", "-encrypt", "-aes256", self.certificate], crlf(entity))

    def verified(self, message):
        """What was signed, when openssl finds the signature good; else None."""
        result = _run(["openssl", "cms", "-verify", "-CAfile", self.ca], crlf(message))
        return result.stdout if result.returncode == 0 else None

    def decrypted(self, message):
        result = _run(["openssl", "cms", "-decrypt", "-inkey", self.key, "-recip", self.certificate], crlf(message))
        return result.stdout if result.returncode == 0 else None


class Gpg:
    def __init__(self, folder, author):
        self._author = author
        self._home = folder / "gnupg"
        self._home.mkdir(mode=0o700)
        self._env = {"GNUPGHOME": str(self._home)}
        self._gpg("--passphrase", "", "--quick-generate-key", author, "ed25519", "sign", "2d")
        listed = self._gpg("--with-colons", "--list-keys").decode()
        self._gpg("--passphrase", "", "--quick-add-key", re.search(r"^fpr:+(\w+):", listed, re.M).group(1), "cv25519", "encr", "2d")

    def _gpg(self, *arguments, data=b""):
        return _checked(["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", *arguments], data, self._env)

    def signed(self, entity):
        """multipart/signed of RFC 3156."""
        entity = crlf(entity).rstrip(b"\r\n") + b"\r\n"
        signature = crlf(self._gpg("--armor", "--digest-algo", "SHA512", "--detach-sign", data=entity))
        return (b"Content-Type: multipart/signed; micalg=pgp-sha512;\r\n\tprotocol=\"application/pgp-signature\";"
                b" boundary=\"------------pgp0K1\"\r\n\r\nThis is an OpenPGP/MIME signed message (RFC 4880 and 3156)\r\n"
                b"--------------pgp0K1\r\n" + entity + b"\r\n--------------pgp0K1\r\n"
                b"Content-Type: application/pgp-signature; name=\"OpenPGP_signature.asc\"\r\n\r\n" + signature
                + b"\r\n--------------pgp0K1--\r\n")

    def clear_signed(self, text):
        return crlf(self._gpg("--clear-sign", data=text))

    def encrypted(self, text):
        return crlf(self._gpg("--armor", "--trust-model", "always", "--encrypt", "--recipient", self._author, data=text))

    def verified(self, message):
        """Whether gpg finds the signature of this multipart/signed good, over the octets between the boundaries."""
        boundary = b"--------------pgp0K1"
        parts = message.split(b"\r\n" + boundary)
        data, signature = parts[1][2:], parts[2].partition(b"\r\n\r\n")[2]
        (self._home / "data").write_bytes(data)
        (self._home / "signature").write_bytes(signature)
        return _run(["gpg", "--batch", "--verify", self._home / "signature", self._home / "data"], env=self._env).returncode == 0

    def clear_verified(self, body):
        return _run(["gpg", "--batch", "--verify"], body, env=self._env).returncode == 0

    def decrypted(self, body):
        result = _run(["gpg", "--batch", "--quiet", "--decrypt"], body, env=self._env)
        return result.stdout if result.returncode == 0 else None

    def close(self):
        """Ends the agent that gpg started for this folder."""
        _run(["gpgconf", "--kill", "all"], env=self._env)
