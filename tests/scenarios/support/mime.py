"""Messages as two parsers that are not ours read them: Python's and GMime's."""

import email
import email.header
import email.policy
import json
import pathlib
import subprocess


def python_message(raw):
    return email.message_from_bytes(raw, policy=email.policy.compat32)


def python_structure(message):
    return [part.get_content_type() for part in message.walk()]


def python_texts(message):
    """[(type, text as its reader sees it)] of the text parts, those of forwarded messages too."""
    out = []
    for part in message.walk():
        if part.get_content_maintype() != "text" or part.is_multipart():
            continue
        content = part.get_payload(decode=True) or b""
        try:
            text = content.decode(part.get_content_charset("us-ascii"))
        except (LookupError, UnicodeDecodeError):
            text = content.decode("utf-8", "surrogateescape")
        out.append((part.get_content_type(), text.replace("\r\n", "\n")))
    return out


def python_defects(message):
    return [type(defect).__name__ for part in message.walk() for defect in part.defects]


def raw_leaves(message):
    """The undecoded content of each leaf, with LF at line ends and without the last."""
    out = []
    for part in message.walk():
        if not part.is_multipart():
            payload = part.get_payload()
            out.append(payload.encode("utf-8", "surrogateescape").replace(b"\r\n", b"\n").rstrip(b"\n"))
    return out


def header_text(message, name):
    """A field as its reader sees it: octets in UTF-8 and encoded words (RFC 2047) read the same."""
    raw = next(value for key, value in message.raw_items() if key.lower() == name.lower())
    text = raw.encode("ascii", "surrogateescape").decode("utf-8", "replace")
    return str(email.header.make_header(email.header.decode_header(text)))


class GMimeReader:
    """gmime_reader.py as a program, by the interpreter that Debian's binding of GMime belongs to."""

    def __init__(self):
        self._process = subprocess.Popen(["/usr/bin/python3", pathlib.Path(__file__).with_name("gmime_reader.py")],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, raw):
        """(types of all parts in order, [(type, text)] of the text parts)"""
        self._process.stdin.write(b"%d\n" % len(raw) + raw)
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["structure"], [tuple(pair) for pair in answer["texts"]]

    def close(self):
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
