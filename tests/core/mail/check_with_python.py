#!/usr/bin/env python3
"""What core/mail makes, as Python's email package reads it: check_with_python.py WRITE_OUTPUTS MESSAGES"""
import email
import email.header
import pathlib
import subprocess
import sys
import tempfile

FOOTER = "Se d\u00e9sabonner: https://lists.example/dev"
FOOTER_HTML = FOOTER.replace("\u00e9", "&#233;")
# Headers that Python does not read as we do (and most readers): one that begins with a line of a mailbox file, one
# with white space before a colon (RFC 5322 section 4.5). Their footers cannot be compared by it.
READ_OTHERWISE = ("mbox_from_line", "odd_folding")
# Words go into their plain text only: the HTML of ISO-2022-JP is in a charset with states; an alternative that is never
# closed stays as it is.
IN_TEXT_ONLY = ("iso2022jp_alternative", "broken_inner_boundary")
failures = 0


def check(good, *what):
    global failures
    if not good:
        failures += 1
        print("FAILED", *what)


def load(path):
    return email.message_from_bytes(path.read_bytes())


def leaves(message):
    """(type, content as its reader gets it) of each leaf."""
    out = []
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True) or b""
        if part.get_content_maintype() == "text":
            charset = part.get_content_charset("us-ascii")
            try:
                content = content.decode(charset)
            except (LookupError, UnicodeDecodeError):
                content = content.decode("utf-8", "surrogateescape")
            content = content.replace("\r\n", "\n")
        out.append((part.get_content_type(), content))
    return out


def structure(message):
    return [part.get_content_type() for part in message.walk()]


def header_text(message, name):
    try:
        return str(email.header.make_header(email.header.decode_header(message[name] or "")))
    except (LookupError, UnicodeDecodeError):
        return None


def defects(message):
    return [str(d) for part in message.walk() for d in part.defects]


def trimmed(content):
    return content.strip() if isinstance(content, str) else content.strip(b"\r\n")


def is_file(part):
    return part.get_content_maintype() not in ("text", "multipart", "message") or part.get_filename() is not None \
        or part.get_content_disposition() == "attachment"


def text_of(message, on_top):
    """What the words go over or under: of a mixed message the first part, or the last one that is no file."""
    if message.get_content_type() != "multipart/mixed" or not message.is_multipart():
        return message
    parts = message.get_payload()[:1] if on_top else [p for p in message.get_payload() if not is_file(p)]
    return parts[-1] if parts else message


def check_footer(name, kind, original, made):
    check(not set(defects(made)) - set(defects(original)), name, kind, "has new defects", defects(made))
    texts = [c for t, c in leaves(made) if isinstance(c, str)]
    where = sum(c.count(FOOTER) + c.count(FOOTER_HTML) for c in texts)
    wanted = 1
    text = text_of(original, kind.startswith("header"))
    if kind.endswith("-html") and name not in IN_TEXT_ONLY and "multipart/alternative" in structure(text)[:2] \
            and text.get_content_type() in ("multipart/alternative", "multipart/related"):
        wanted = 2  # once in each alternative
    check(where == wanted, name, kind, "has the words", where, "times")
    # Every leaf of the author is still there, in order, with nothing but the words added.
    rest = leaves(made)
    for type_, content in leaves(original):
        while rest:
            made_type, made_content = rest.pop(0)
            if made_type != type_:
                continue
            if isinstance(made_content, str):
                for words in (FOOTER, FOOTER_HTML):
                    made_content = made_content.replace("<p>" + words + "</p>\n", "").replace("-- \n" + words, "")
            if trimmed(made_content).replace("\n" if isinstance(made_content, str) else b"\n", type(made_content)()) == \
                    trimmed(content).replace("\n" if isinstance(content, str) else b"\n", type(content)()):
                break
        else:
            check(False, name, kind, "lost a part", type_)
    for field in ("Subject", "From", "To", "Message-ID", "Date"):
        check(made[field] == original[field], name, kind, "changed", field)


def check_7bit(name, original, made, raw):
    check(all(b < 128 and b for b in raw), name, "is not ASCII")
    check(structure(made) == structure(original), name, "has another structure")
    check(leaves(made) == leaves(original), name, "reads differently in 7 bit")
    for field in ("Subject", "From", "To"):
        before = header_text(original, field)
        if before is not None and all(ord(c) < 0xD800 for c in before) and "\ufffd" not in before:
            check(header_text(made, field) == before, name, field, "reads differently")
    for part in made.walk():
        encoding = (part["Content-Transfer-Encoding"] or "7bit").lower()
        if part.is_multipart():
            check(encoding == "7bit", name, "a container is", encoding)


def check_report(name, original, made, utf8):
    check(made.get_content_type() == "multipart/report", name, "is no report")
    check(not [str(d) for p in [made, *made.get_payload()[:2]] for d in p.defects], name, "has defects")
    parts = made.get_payload()
    expected = "message/global-delivery-status" if utf8 else "message/delivery-status"
    check(made.get_param("report-type") == expected[8:], name, "report-type", made.get_param("report-type"))
    check(parts[1].get_content_type() == expected, name, parts[1].get_content_type())
    check(parts[0].get_content_type() == "text/plain", name, parts[0].get_content_type())
    check("X-Evil" not in made and all("X-Evil" not in p for p in parts), name, "was injected into")
    if not utf8:
        groups = parts[1].get_payload()
        check(len(groups) == 2, name, "has groups", len(groups))
        check(groups[0]["Reporting-MTA"] == "dns; mx1.lists.example", name, groups[0]["Reporting-MTA"])
        check(groups[1]["Final-Recipient"] == "rfc822; bob@x.example", name, groups[1]["Final-Recipient"])
        check(groups[1].get_all("Action") == ["failed"], name, groups[1].get_all("Action"))
        check(groups[1]["Status"] == "5.1.1", name, groups[1]["Status"])
        check(groups[1]["Diagnostic-Code"] == "smtp; 550 5.1.1 no Action: delivered", name)
    if len(parts) == 3 and parts[2].get_content_type() == "message/rfc822":
        inner = parts[2].get_payload()[0]
        check(inner["Message-ID"] == original["Message-ID"], name, "returns another message")
        # What had eight bits in its header went back as ASCII; its structure is the same.
        check(structure(inner) == structure(original), name, "returns", structure(inner))


def main():
    tool, messages = sys.argv[1:]
    counts = {}
    with tempfile.TemporaryDirectory(prefix="essaim-mail-") as folder:
        subprocess.run([tool, messages, folder], check=True)
        for path in sorted(pathlib.Path(folder).iterdir()):
            kind = path.suffix[1:]
            counts[kind] = counts.get(kind, 0) + 1
            original = load(path.with_suffix(".original"))
            made = load(path)
            if kind == "7bit":
                check_7bit(path.name, original, made, path.read_bytes())
            elif kind.startswith("report"):
                check_report(path.name, original, made, kind == "report-utf8")
            elif kind != "original" and path.stem not in READ_OTHERWISE:
                check_footer(path.stem, kind, original, made)
    print(counts)
    for kind, least in {"original": 30, "footer": 20, "footer-html": 20, "footer-mime": 20, "header-html": 20,
                        "header-mime": 20, "7bit": 4, "report": 30, "report-utf8": 30}.items():
        check(counts.get(kind, 0) >= least, "only", counts.get(kind, 0), kind)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
