"""What from-sympa and from-mailman have in common: how lists are written for `essaim config apply`, and how a program ends."""

import contextlib
import json
import os
import signal
import sys

LANGUAGES = ("de", "es", "fr")  # lists/templates/po
# A list makes them itself: no setting adds or removes them.
RESERVED = ("from", "date", "message-id", "received", "return-path", "mime-version", "list-id", "list-post", "list-owner",
            "list-unsubscribe", "x-loop", "subject", "reply-to")


def quoted(text):
    return json.dumps(text.replace("\x7f", ""), ensure_ascii=False)


def clean_name(text):
    """A person's, as it may stand in front of <an address>."""
    name = "".join(c if c.isprintable() else " " for c in text).translate({60: "(", 62: ")"}).strip()
    return name.encode()[:200].decode("utf-8", "ignore").strip()


def person(address, name, flags):
    line = f"{clean_name(name)} <{address}>" if clean_name(name) else address
    return line + (f" ({', '.join(flags)})" if flags else "")


def language_of(text, say):
    """"de", "de_CH", "de-CH"; "us" of old is English. "" for English, which needs no setting."""
    language = text.lower().replace("-", "_").partition("_")[0].partition(".")[0]
    if language not in (*LANGUAGES, "en", "us", ""):
        say(f"the language {text} is not offered; it is in English here, or in the language of its domain")
    return language if language in LANGUAGES else ""


def write(address, settings, people, closed=False):
    """`people`: lines by role; a role that is not there stays as it is."""
    print(f"\n[lists.{quoted(address)}]")
    if closed:
        print("closed = true")
    for role in ("owner", "editor", "member"):
        if (lines := people.get(role)) is not None:
            print(f"{role}s = [" + "".join("\n  " + quoted(line) + "," for line in lines) + ("\n]" if lines else "]"))
    print(f"[lists.{quoted(address)}.settings]")
    for key in sorted(settings):
        print(f"{key} = {quoted(settings[key])}")


def run(name, usage, main):
    """Ends as other programs do. `main` is given the words behind the program's name, at least two."""
    for number in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        if any(word in ("-h", "--help") for word in sys.argv[1:]):
            print(usage)
        elif len(sys.argv) < 3 or sys.argv[1].startswith("-"):
            print(usage, file=sys.stderr)
            sys.exit(2)
        else:
            sys.stdout.reconfigure(encoding="utf-8")  # as `config apply` wants it, whatever the locale of the host
            main(sys.argv[1:])
        sys.stdout.flush()
    except OSError as failure:
        with contextlib.suppress(OSError):  # it may be standard error
            print(f"{name}: {failure.filename or 'what comes out cannot be written'}: {failure.strerror}", file=sys.stderr)
        os._exit(1)  # without another try to write the rest
