"""Other people's implementations, which judge what we sign and sign what we verify: dkimpy, Mail::DKIM, OpenDKIM, rspamd.

                  DKIM RSA   Ed25519   ARC   signs for us
    dkimpy        yes        yes       yes   DKIM, ARC
    Mail::DKIM    yes        no        yes   DKIM, ARC
    OpenDKIM      yes        no*       no    DKIM
    rspamd        yes        yes       yes   DKIM

(* Debian's build takes Ed25519 signatures for unknown.) None of them knows RFC 9989.
"""

import base64
import json
import os
import re
import subprocess
import urllib.request

from . import processes

# Debian's python, whatever `python3` is here: the modules are packages of it.
PYTHON = "/usr/bin/python3"

DKIMPY = """
import base64, json, sys, dkim
request = json.load(sys.stdin)
message = base64.b64decode(request["message"])
records = request["records"]
def look_up(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    text = records.get(name.rstrip(".").lower())
    return text.encode() if text else None
if request["what"] == "dkim":
    d = dkim.DKIM(message)
    count = sum(1 for name, _ in d.headers if name.lower() == b"dkim-signature")
    out = []
    for i in range(count):
        d = dkim.DKIM(message)
        try:
            good = d.verify(idx=i, dnsfunc=look_up)
        except dkim.DKIMException as e:
            good = str(e)
        out.append([d.domain.decode() if d.domain else "", d.selector.decode() if d.selector else "", good])
    print(json.dumps(out))
elif request["what"] == "arc":
    status, _, reason = dkim.arc_verify(message, dnsfunc=look_up)
    print(json.dumps([status.decode(), str(reason)]))
elif request["what"] == "sign":
    header = dkim.sign(message, request["selector"].encode(), request["domain"].encode(), request["key"].encode(),
                       canonicalize=tuple(c.encode() for c in request["canonicalize"]), signature_algorithm=request["algorithm"].encode(),
                       include_headers=[h.encode() for h in request["headers"]] if "headers" in request else None)
    print(json.dumps(base64.b64encode(header + message).decode()))
elif request["what"] == "seal":
    lines = dkim.arc_sign(message, request["selector"].encode(), request["domain"].encode(), request["key"].encode(), b"hop.example", b"none")
    print(json.dumps(base64.b64encode(b"".join(lines) + message).decode()))
"""

MAIL_DKIM = r"""
use strict; use Mail::DKIM::Verifier; use Mail::DKIM::ARC::Verifier; use Mail::DKIM::ARC::Signer; use Mail::DKIM::Signer; use Net::DNS; use JSON::PP;
my $records = decode_json($ARGV[0]); my $what = $ARGV[1];
{ no warnings 'redefine';
  *Mail::DKIM::DNS::query = sub {
    my ($name) = @_; my $text = $records->{lc $name}; return unless defined $text;
    return Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [ $text =~ /(.{1,255})/g ]);
  }; }
binmode STDIN; binmode STDOUT; my $message = do { local $/; <STDIN> };
if ($what eq 'sign') {
  my $s = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $ARGV[4], Domain => $ARGV[2], Selector => $ARGV[3], KeyFile => $ARGV[5]);
  $s->PRINT($message); $s->CLOSE; print $s->signature->as_string, "\r\n", $message; exit;
}
if ($what eq 'seal') {
  my $s = Mail::DKIM::ARC::Signer->new(Algorithm => 'rsa-sha256', Chain => 'ar', Domain => $ARGV[2], SrvId => $ARGV[2], Selector => $ARGV[3], KeyFile => $ARGV[4]);
  $s->PRINT($message); $s->CLOSE; die $s->{details} unless $s->result eq 'sealed';
  print join("\r\n", $s->as_strings), "\r\n", $message; exit;
}
my $v = $what eq 'arc' ? Mail::DKIM::ARC::Verifier->new : Mail::DKIM::Verifier->new;
$v->PRINT($message); $v->CLOSE;
if ($what eq 'arc') { print $v->result; exit; }
print join "\n", map { join " ", $_->domain, $_->selector, $_->result } $v->signatures;
"""


def dkimpy(what, message, records=None, **more):
    request = {"what": what, "message": base64.b64encode(message).decode(), "records": records or {}, **more}
    result = subprocess.run([PYTHON, "-c", DKIMPY], input=json.dumps(request), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    out = json.loads(result.stdout)
    return base64.b64decode(out) if what in ("sign", "seal") else out


def mail_dkim(what, message, records=None, *more):
    result = subprocess.run(["perl", "-e", MAIL_DKIM, json.dumps(records or {}), what, *map(str, more)], input=message,
                            capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr.decode()
    if what in ("sign", "seal"):
        return result.stdout
    text = result.stdout.decode()
    return text if what == "arc" else [line.split(" ", 2) for line in text.splitlines()]


def opendkim(folder, message, records):
    """Its log lines about one message."""
    keys, mail, config = folder / "opendkim.keys", folder / "opendkim.eml", folder / "opendkim.conf"
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items() if "_domainkey" in name))
    mail.write_bytes(message)
    config.write_text(f"TestPublicKeys {keys}\nMode v\n")
    root = processes.NEIGHBOURS / "judges"
    result = subprocess.run([str(root / "usr/sbin/opendkim"), "-x", str(config), "-t", str(mail), "-v"], capture_output=True,
                            text=True, timeout=120, env={**os.environ, "LD_LIBRARY_PATH": _libraries(root)})
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


class OpenDkim:
    """The milter, which signs for one domain; behind a Postfix with `smtpd_milters = inet:127.0.0.1:PORT`."""

    name = "opendkim"

    def __init__(self, folder, domain, selector, key, canonicalization="relaxed/simple"):
        self.port = processes.free_port()
        config = folder / "opendkim-signs.conf"
        config.write_text(f"Mode s\nDomain {domain}\nSelector {selector}\nKeyFile {key}\nCanonicalization {canonicalization}\n"
                          f"Socket inet:{self.port}@127.0.0.1\nInternalHosts 127.0.0.0/8\nRequireSafeKeys no\nOversignHeaders From\n")
        self.log = folder / "opendkim.out"
        root = processes.NEIGHBOURS / "judges"
        self.process = processes.Process("opendkim", [root / "usr/sbin/opendkim", "-f", "-x", config], self.log,
                                         env={"LD_LIBRARY_PATH": _libraries(root)})
        processes.wait_for("opendkim", lambda: processes.accepts_connections("127.0.0.1", self.port) or not self.process.running())
        assert self.process.running(), self.process.output()

    def stop(self):
        self.process.stop()


def _libraries(root):
    return ":".join(str(root / part) for part in ("usr/lib/x86_64-linux-gnu", "usr/lib/rspamd", "lib/x86_64-linux-gnu", "usr/lib"))


class Rspamd:
    """The scanner, with its modules for DKIM and ARC alone, asking the scenario's name server."""

    name = "rspamd"

    def __init__(self, folder, dns, signs=None, filters="dkim", workers=""):
        """`signs`: (domain, selector, path of the key) that it signs with. `workers`: more of them."""
        self.folder = folder / "rspamd"
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.port = processes.free_port()
        root = processes.NEIGHBOURS / "judges"
        share = root / "usr/share/rspamd"
        environment = {**os.environ, "LD_LIBRARY_PATH": _libraries(root)}
        (self.folder / "rspamd.conf").write_text(f"""
            lua = "{share}/rules/rspamd.lua";
            options {{
              pidfile = "{self.folder}/pid"; filters = "{filters}"; local_addrs = []; cache_file = ""; history_file = "";
              hs_cache_dir = "{self.folder}"; rrd = ""; stats_file = "{self.folder}/stats"; check_local = true;
              control_socket = "{self.folder}/control mode=0600"; one_shot = true;
              dns {{ nameserver = "{dns}"; timeout = 2s; retransmits = 3; enable_dnssec = false; }}
              url_tld = "{share}/effective_tld_names.dat";
            }}
            logging {{ type = "file"; filename = "{self.log}"; level = "info"; }}
            worker "normal" {{ bind_socket = "127.0.0.1:{self.port}"; count = 1; }}
            {workers}
            modules {{ path = "{share}/plugins/arc.lua"; path = "{share}/plugins/dkim_signing.lua"; }}
            {self._signing(signs)}
            dkim {{ check_local = true; check_authed = true; }}
            arc {{ check_local = true; check_authed = true; }}
            metric {{ name = "default"; actions {{ reject = 1000; }} }}
            """)
        self.process = processes.Process(
            "rspamd", [root / "usr/bin/rspamd", "-f", "-i", "-c", self.folder / "rspamd.conf",
                       "--var", f"LUALIBDIR={share}/lualib", "--var", f"PLUGINSDIR={share}/plugins", "--var", f"RULESDIR={share}/rules",
                       "--var", f"SHAREDIR={share}", "--var", f"DBDIR={self.folder}", "--var", f"RUNDIR={self.folder}",
                       "--var", f"CONFDIR={self.folder}", "--var", f"LOCAL_CONFDIR={self.folder}", "--var", f"LOGDIR={self.folder}"],
            self.folder / "out", env=environment)
        processes.wait_for("rspamd", lambda: processes.accepts_connections("127.0.0.1", self.port) or not self.process.running())
        assert self.process.running(), self._all_output()

    @staticmethod
    def _signing(signs):
        if not signs:
            return "dkim_signing { enabled = false; }"
        domain, selector, key = signs
        return (f'dkim_signing {{ sign_local = true; sign_authenticated = true; allow_username_mismatch = true; use_domain = "header";'
                f' allow_hdrfrom_mismatch = true; domain {{ {domain} {{ path = "{key}"; selector = "{selector}"; }} }} }}')

    def signed(self, message):
        """The message with its signature on top."""
        fields = self._checked(message, {"IP": "127.0.0.1", "User": "author"}).get("dkim-signature")
        assert fields, self._all_output()[-3000:]
        field = "DKIM-Signature: " + re.sub(r"\r?\n", "\r\n", fields if isinstance(fields, str) else fields[0]).strip()
        return field.encode() + b"\r\n" + message

    def _all_output(self):
        return self.process.output() + (self.log.read_text() if self.log.exists() else "")

    def symbols(self, message):
        """{symbol: options}"""
        answer = self._checked(message, {"IP": "192.0.2.1"})
        return {name: symbol.get("options", []) for name, symbol in answer["symbols"].items()}

    def _checked(self, message, headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/checkv2", data=message, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.load(reply)

    def stop(self):
        self.process.stop()
        # Its workers run under names of their own and end with it.


def zone_lines(zone, records):
    """TXT records of {name: text} as lines of the zone."""
    lines = []
    for name, text in records.items():
        assert name.endswith("." + zone), name
        strings = " ".join(f'"{text[i:i + 255]}"' for i in range(0, len(text), 255))
        lines.append(f"{name[:-len(zone) - 1]} IN TXT ( {strings} )")
    return "\n".join(lines) + "\n"


def rsa_key(folder, bits=2048):
    """(PEM, path, text of the record)"""
    path = folder / f"rsa-{bits}-{os.urandom(4).hex()}.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, str(bits)], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return path.read_text(), path, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def ed25519_key():
    """(seed in base 64 as dkimpy wants it, text of the record)"""
    script = ("import base64, nacl.signing; k = nacl.signing.SigningKey.generate();"
              "print(base64.b64encode(bytes(k)).decode(), base64.b64encode(bytes(k.verify_key)).decode())")
    seed, public = subprocess.run([PYTHON, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    return seed, "v=DKIM1; k=ed25519; p=" + public


def with_signature(message, selector):
    """The message with the one DKIM-Signature of this selector."""
    fields = re.compile(rb"^DKIM-Signature:.*\r\n(?:[ \t].*\r\n)*", re.M)
    return fields.sub(lambda field: field.group(0) if b"; s=" + selector.encode() + b";" in field.group(0) else b"", message)


def results_field(message):
    """Our Authentication-Results, unfolded."""
    match = re.search(rb"^Authentication-Results: (mx1\.lists\.example;(?:.*\r?\n[ \t])*.*)", message, re.M)
    return re.sub(r"\s+", " ", match.group(1).decode()) if match else ""


class RspamdMilter(Rspamd):
    """The same behind its proxy, which speaks the milter protocol: at `address`. Of a message with GTUBE in it, it finds that it is spam."""

    def __init__(self, folder, dns):
        port = processes.free_port()
        self.address = f"127.0.0.1:{port}"
        super().__init__(folder, dns, workers=f"""
            worker "rspamd_proxy" {{
              bind_socket = "{self.address}"; milter = yes; timeout = 60s; count = 1;
              upstream "local" {{ default = yes; self_scan = yes; }}
            }}
            """)
        processes.wait_for("rspamd's proxy", lambda: processes.accepts_connections("127.0.0.1", port) or not self.process.running())
        assert self.process.running(), self._all_output()
