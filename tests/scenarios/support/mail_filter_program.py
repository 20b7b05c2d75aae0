"""The program behind mail_filter.Filter: on libmilter, and none of our own modules.

    mail_filter_program.py SOCKET FILE all|few
"""

import json
import os
import sys
import time

import Milter


SOCKET, TOLD, STEPS = sys.argv[1:]
WORDS = "X-Ask"


class Judge(Milter.Base):
    def __init__(self):
        self.id = Milter.uniqueID()
        self.note = {}

    def negotiate(self, options):
        self._actions = options[0]  # all that it is offered
        if STEPS == "few":
            options[1] = Milter.P_NOCONNECT | Milter.P_NOHELO | Milter.P_NODATA | Milter.P_NR_MAIL | Milter.P_NR_RCPT \
                | Milter.P_NR_HDR | Milter.P_NR_EOH | Milter.P_NR_BODY | Milter.P_HDR_LEADSPC
        else:
            options[1] = Milter.P_SKIP
        self._protocol = options[1]
        options[2] = options[3] = 0
        return Milter.CONTINUE

    def connect(self, name, family, address):
        self.note["connect"] = [name, list(address) if isinstance(address, tuple) else address]
        return Milter.CONTINUE

    def hello(self, name):
        self.note["helo"] = name
        return Milter.CONTINUE

    def envfrom(self, address, *arguments):
        self.note.update({"mail": address, "arguments": list(arguments), "recipients": [], "fields": [], "body": 0, "asked": []})
        for macro in ("i", "{auth_authen}", "{client_addr}", "{daemon_name}", "{tls_version}"):
            self.note[macro] = self.getsymval(macro)
        return Milter.CONTINUE

    def envrcpt(self, address, *_):
        self.note["recipients"].append(address)
        if "grey" in address:
            self.setreply("450", "4.7.1", "come again")
            return self.tell(Milter.TEMPFAIL)
        return Milter.CONTINUE

    def header(self, name, value):
        self.note["fields"].append([name, value])
        if name.lower() == WORDS.lower():
            self.note["asked"].append(value.strip())
        return Milter.CONTINUE

    def body(self, piece):
        self.note["body"] += len(piece)
        return Milter.SKIP if "skip" in self.note["asked"] else Milter.CONTINUE

    def tell(self, verdict):
        with open(TOLD, "a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(json.dumps(self.note, default=lambda value: value.decode("latin-1")) + "\n")
        return verdict

    def eom(self):
        for asked in self.note["asked"]:
            verb, _, rest = asked.partition(" ")
            name, _, value = rest.partition(" ")
            value = value.replace("\\n", "\n")
            if verb == "reject":
                return self.tell(Milter.REJECT)
            if verb == "tempfail":
                return self.tell(Milter.TEMPFAIL)
            if verb == "discard":
                return self.tell(Milter.DISCARD)
            if verb == "accept":
                return self.tell(Milter.ACCEPT)
            if verb == "reply":
                code, enhanced, *words = rest.split(" ")
                self.setreply(code, enhanced, " ".join(words))
                return self.tell(Milter.REJECT if code.startswith("5") else Milter.TEMPFAIL)
            if verb == "crash":
                self.tell(None)
                os._exit(3)
            if verb == "sleep":
                time.sleep(float(rest))
            if verb == "progress":
                for _ in range(int(rest)):
                    time.sleep(0.6)
                    self.progress()
            if verb == "add":
                self.addheader(name, value)
            if verb == "insert":
                self.addheader(name, value, 0)
            if verb == "change":
                self.chgheader(name, 1, value)
            if verb == "body":
                self.replacebody(rest.replace("\\n", "\r\n").encode())
            if verb == "quarantine":
                self.quarantine(rest)
            if verb == "add-recipient":
                self.addrcpt(f"<{rest}>")
            if verb == "delete-recipient":
                self.delrcpt(f"<{rest}>")
        return self.tell(Milter.CONTINUE)


Milter.factory = Judge
Milter.set_flags(Milter.CHGBODY + Milter.CHGHDRS + Milter.ADDHDRS + Milter.ADDRCPT + Milter.DELRCPT + Milter.QUARANTINE)
Milter.runmilter("judge", SOCKET, 300)
