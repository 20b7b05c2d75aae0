"""Checks the tree against its own rules: direction of includes, one parser library per folder, files that name their rule.

Prints what is wrong, one line each, and exits with 1 if there is any. Run by ctest as `check_layout`.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOXES = ["core", "storage", "lists", "delivery", "web", "smtpd"]
# What a box may include of the others (ARCHITECTURE.md).
ALLOWED = {
    "core": set(),
    "storage": {"core"},
    "lists": {"core", "storage"},
    "delivery": {"core", "storage"},
    "web": {"core", "storage", "lists"},
    "smtpd": {"core", "storage", "lists", "delivery", "web"},
}
# Headers of libraries that belong to one place.
OWNED = [
    (re.compile(r"<event2?/"), ("core/net/", "core/dns/", "core/http/")),
    (re.compile(r"<unbound"), ("core/dns/",)),
    (re.compile(r"<curl/"), ("core/http/",)),
    (re.compile(r"<ldap"), ("smtpd/accounts/",)),
    (re.compile(r"<crypt"), ("core/sasl/",)),
    (re.compile(r"<spf2/"), ("core/mailauth/",)),
    (re.compile(r"<(sqlite3|mysql|mariadb)"), ("storage/",)),
    (re.compile(r"<gmime/"), ("core/mail/",)),
    (re.compile(r"<toml\+\+"), ("core/config/", "lists/")),
    (re.compile(r"<CLI/"), ("smtpd/cli/",)),
    (re.compile(r"<pcre2"), ("core/base/",)),
    (re.compile(r"<kainjow/"), ("lists/templates/",)),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"][^">]+[">])', re.M)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
LONGEST = 600


def main():
    problems = []
    files = subprocess.run(["git", "ls-files", *BOXES], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in files:
        if not name.endswith((".h", ".cc")):
            continue
        text = (ROOT / name).read_text()
        box = name.split("/")[0]
        for match in INCLUDE.finditer(text):
            target = match.group(1)
            line = text.count("\n", 0, match.start(1)) + 1
            other = target[1:].split("/")[0]
            if target[0] == '"' and other in BOXES and other != box and other not in ALLOWED[box]:
                problems.append(f"{name}:{line}: {box} must not include {other}")
            for pattern, homes in OWNED:
                if pattern.match(target) and not name.startswith(homes):
                    problems.append(f"{name}:{line}: {target} belongs to {', '.join(homes)}")
        if name.endswith(".h"):
            if not text.startswith("//"):
                problems.append(f"{name}:1: a header begins with a comment that tells what it is for")
            if "#pragma once" not in text:
                problems.append(f"{name}:1: #pragma once is missing")
        if UNFINISHED.search(text):
            problems.append(f"{name}: holds a mark of something unfinished")
        if text.count("\n") > LONGEST:
            problems.append(f"{name}: {text.count(chr(10))} lines; over {LONGEST} it is no longer one thing")
    print("\n".join(problems) or f"{len(files)} files in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
