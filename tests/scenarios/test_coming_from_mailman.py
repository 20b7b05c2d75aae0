"""Lists of Mailman 2.1 move: what contrib/from-mailman writes of them is applied to a server, and says what has no place."""

import pathlib
import struct
import subprocess
import unittest

from support import essaim, processes

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "from-mailman"


class Instance:
    """Of one of Mailman's own classes."""

    def __init__(self, module, name, **values):
        self.module, self.name, self.values = module, name, {key.encode(): value for key, value in values.items()}


def pickled(value):
    """As cPickle of Python 2 writes it, by protocol 1; bytes are its strings, str its unicode."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"I01\n" if value else b"I00\n"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return (b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<i", len(value))) + value
    if isinstance(value, str):
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
    if isinstance(value, tuple):
        return b"(" + b"".join(map(pickled, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(pickled, value)) + b"e"
    if isinstance(value, Instance):
        return b"(c" + f"{value.module}\n{value.name}\n".encode() + b"o" + pickled(value.values) + b"b"
    return b"}(" + b"".join(pickled(key) + pickled(one) for key, one in value.items()) + b"u"


DEV = {
    b"_internal_name": b"dev", b"real_name": b"Dev", b"host_name": b"Lists.example", b"description": b"B\xe9es and\n wasps",
    b"owner": [b"Boss@o.example", b"boss@o.example"], b"moderator": [b"mod@o.example"], b"preferred_language": b"fr",
    b"members": {b"ann@a.example": 0, b"bob@b.example": b"Bob@B.example", b"cara@c.example": 0, b"dan@d.example": 0},
    b"digest_members": {b"eva@e.example": 0, b"fay@f.example": 0},
    b"usernames": {b"ann@a.example": "J\u00f6rg <x>", b"bob@b.example": b"Bob", b"eva@e.example": b""},
    b"user_options": {b"ann@a.example": 2 | 16, b"fay@f.example": 8, b"dan@d.example": 128},
    b"delivery_status": {b"bob@b.example": (4, 1.5), b"cara@c.example": (2, 1.5)},
    b"language": {b"ann@a.example": b"de", b"bob@b.example": b"fr"},
    b"bounce_info": {b"bob@b.example": Instance("Mailman.Bouncer", "_BounceInfo", member=b"bob@b.example", score=5.0)},
    b"subject_prefix": b"[Dev] ", b"msg_footer": b"-- \n%(real_name)s list\n", b"msg_header": b"%(user_address)s\n",
    b"generic_nonmember_action": 1, b"subscribe_policy": 3, b"unsubscribe_policy": 1, b"private_roster": 1, b"advertised": False,
    b"reply_goes_to_list": 1, b"max_message_size": 100, b"send_goodbye_msg": 0, b"from_is_list": 1, b"digestable": True,
    b"bounce_processing": 0, b"max_days_to_hold": 14, b"ban_list": [b"^.*@spam.example"], b"emergency": 0,
}
NEWS = {b"real_name": b"news", b"host_name": b"lists.example", b"owner": [b"boss@o.example"], b"moderator": [],
        b"members": {b"ann@a.example": 0, b"bob@b.example": 0}, b"digest_members": {},
        b"user_options": {b"ann@a.example": 128, b"bob@b.example": 128}, b"member_moderation_action": 1,
        b"generic_nonmember_action": 2, b"subscribe_policy": 1, b"advertised": True, b"digestable": False,
        b"subject_prefix": b"[news %d]", b"max_message_size": 0, b"anonymous_list": 1}


class ComingFromMailman(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.lists = self.folder / "lists"

    def keep(self, name, values):
        folder = self.lists / name
        folder.mkdir(parents=True)
        (folder / "config.pck").write_bytes((values if isinstance(values, bytes) else pickled(values)) + b".")

    def made(self, *words):
        return subprocess.run([SCRIPT, self.lists, *words], capture_output=True, timeout=60, encoding="utf-8")

    def test_lists_settings_and_people(self):
        self.keep("dev", DEV)
        self.keep("news", NEWS)
        self.keep("mailman", {**NEWS, b"real_name": b"mailman"})
        self.keep("other", {**NEWS, b"host_name": b"other.example"})
        made = self.made("lists.example")
        self.assertEqual(0, made.returncode, made.stderr)
        said = made.stderr.splitlines()
        for line in ("dev@lists.example: 1 of its members get nothing (by themselves); they are off here",
                     "dev@lists.example: 1 of its members get nothing (for bounces); they are off here",
                     "dev@lists.example: 1 of its members are moderated; here they post like others",
                     "dev@lists.example: msg_header is not brought over as header: it has code, %(user_address)s",
                     "dev@lists.example: ban_list is not brought over: `essaim block ADDRESS --list LIST` keeps each away",
                     "news@lists.example: subject_prefix [news %d] is not brought over: posts are not numbered here",
                     "mailman: left out: Mailman wrote its own mail by it",
                     "other: left out, as it is a list of other.example; name it behind DOMAIN to have it there"):
            self.assertIn(line, said)
        server = self.started(essaim.Essaim(self.folder, smarthost="127.0.0.1:1"))
        server.run("domain", "create", "lists.example")
        text = self.folder / "lists.toml"
        text.write_text(made.stdout)
        server.run("config", "apply", text)
        self.assertIn("nothing to change", server.run("config", "apply", text, "--dry-run"))
        exported = server.run("config", "export")
        for line in ('  "ann@a.example (not_me, concealed, de)",'.replace("ann@a.example", "J\u00f6rg (x) <ann@a.example>"),
                     '  "Bob <Bob@b.example> (off)",', '  "cara@c.example (off)",', '  "dan@d.example",', '  "eva@e.example (digest)",',
                     '  "fay@f.example (digestplain)",', 'description = "B\u00e9es and wasps"', 'subject_tag = "[Dev]"', 'send = "privateoreditorkey"',
                     'subscribe = "auth_owner"', 'unsubscribe = "owner"', 'visibility = "conceal"', 'reply_to = "list"', 'max_size = "100K"',
                     'goodbye = "false"', 'author_protection = "rewrite"', 'digest = "daily 12:00"', 'bounce_days = "0"', 'held_expire = "14d"',
                     'language = "fr"', 'footer = "-- \\ndev list"', 'send = "newsletter"', 'anonymous = "true"', 'max_size = "0"'):
            self.assertIn(line, exported)
        owners = server.json("member", "list", "dev@lists.example", "--role", "owner")
        self.assertEqual([("boss@o.example", True)], [(row["address"], row["privileged"]) for row in owners])
        self.assertEqual(["mod@o.example"], [row["address"] for row in server.json("member", "list", "dev@lists.example", "--role", "editor")])
        # Named, it comes under the domain that was said.
        named = self.made("lists.example", "other")
        self.assertEqual(0, named.returncode, named.stderr)
        self.assertIn('[lists."other@lists.example"]', named.stdout)

    def test_what_is_no_list_is_refused_and_no_code_in_it_is_run(self):
        mark = self.folder / "run"
        for name, content in (("code", b"cos\nsystem\n(S'touch " + str(mark).encode() + b"'\ntR"), ("empty", b""), ("text", b"hello"),
                              ("number", pickled(3)), ("sneaky", b"cMailman.Utils\nos.system\n(S'x'\ntR")):
            with self.subTest(name):
                self.keep(name, content)
                made = self.made("lists.example", name)
                self.assertEqual(1, made.returncode)
                self.assertRegex(made.stderr, rf"/lists/{name}/config\.pck: this is no config\.pck of Mailman 2\.1")
                self.assertEqual("", made.stdout)
        self.assertFalse(mark.exists())
        self.assertIn("there is no list: it has no config.pck", self.made("lists.example", "gone").stderr)
        self.assertEqual(2, subprocess.run([SCRIPT], capture_output=True, timeout=60).returncode)


if __name__ == "__main__":
    unittest.main()
