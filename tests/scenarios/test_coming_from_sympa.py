"""A domain of Sympa comes over: lists, settings and people, and what has no place is said."""

import os
import pathlib
import signal
import subprocess
import unittest

from support import essaim, processes

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "from-sympa"
CONFIG = """subject Developers of "things"

status open

send privateoreditorkey

subscribe open,notify

custom_subject dev

reply_to_header
value list
apply forced

include_sql_query
db_type mysql
sql_query SELECT email FROM people

digest 1,3 14:30

lang de_AT
"""
TEMPLATES = """subject Bees

custom_subject [% list.name %] bees

custom_header X-Campus: Lyon
custom_header Reply-To: x@x.example

custom_header X-Hive: 7

remove_headers X-Mailer,Received,User-Agent
"""
MEMBERS = """date 1500000000
email ann@a.example
gecos Ann <b> "Bee"
reception digest
subscribed 1

email Bob@a.example
gecos Bob d\u2019Abeille-B\u00e9e
reception nomail
visibility conceal

email carol@a.example
inclusion 1600000000
reception urlize
subscribed 0
suspend 1
"""
WASPS = """subject Wasps

visibility noconceal

owner_include
source people

shared_doc
d_edit owner
d_read private

pictures_feature on

misaddressed_commands ignore

anonymous_sender robot@lists.example

reply_to_header
value all
apply respect

footer_type mime

clean_delay_queuemod 15

user_data_source include2

creation
date_epoch 1700000000
email listmaster@lists.example

status open

serial 3

digest
days 1,3,5
hour 13
minute 26

digest_max_size 10
"""
SUSPENDED = """date 1700000000
email over@a.example
enddate 1510000000
startdate 1500000000
suspend 1

email now@a.example
startdate 1500000000
suspend 1

email later@a.example
startdate 99999999999
suspend 1
"""
# In the words of rules that universities wrote.
RULES = """title.gettext ours

search(blacklist.txt) smtp,dkim,md5,smime -> reject(reason='web_archive_owner'),quiet
match([sender],/@[domain]$/)  smtp,dkim,md5,smime  -> do_it, quiet
equal([topic_needed],'x') smtp -> editorkey
is_owner([listname],[header->X-Sender][-1]) smtp,dkim,md5,smime -> editorkey
true() smtp,dkim,md5,smime,pgp -> reject(reason='create_list_closed')
"""


class ComingFromSympa(processes.Scenario):
    def test_lists_settings_and_people(self):
        server = essaim.Essaim(self.folder, start=False)
        there = self.folder / "list_data"
        (there / "dev").mkdir(parents=True)
        (there / "old").mkdir()
        (there / "dev" / "config").write_text(CONFIG)
        (there / "dev" / "message_footer").write_text("-- \nthe \"things\" list\n")
        (there / "dev" / "member.dump").write_text(MEMBERS)
        (there / "dev" / "owner.dump").write_text("email own@o.example\nprofile privileged\n\nemail two@o.example\nprofile normal\n")
        (there / "dev" / "editor.dump").write_text("")
        (there / "old" / "config").write_text("subject Old\n\nstatus closed\n\nlang eo\n")
        # On a host whose locale is an old one.
        made = subprocess.run([SCRIPT, there, "lists.example"], capture_output=True, encoding="utf-8", check=True,
                              env={**os.environ, "PYTHONIOENCODING": "latin-1"})
        for remark in ("include_sql_query is not brought over", "1 of its members had reception urlize",
                       "1 of its members came from a data source"):
            self.assertIn("dev@lists.example: " + remark, made.stderr)
        self.assertIn("old@lists.example: there is no member.dump", made.stderr)
        self.assertIn("old@lists.example: the language eo is not offered", made.stderr)

        server.run("domain", "create", "lists.example")
        server.run("config", "apply", "-", stdin=made.stdout)
        self.assertIn("nothing to change", server.run("config", "apply", "-", stdin=made.stdout))
        people = {one["address"]: one for one in server.json("member", "list", "dev@lists.example")}
        self.assertEqual('Ann (b) "Bee"', people["ann@a.example"]["name"])
        self.assertEqual((True, "digest"), tuple(people["ann@a.example"][key] for key in ("delivery", "reception")))
        self.assertEqual("mon,wed 14:30", server.json("list", "show", "dev@lists.example")["settings"]["digest"]["value"])
        self.assertEqual("Bob d\u2019Abeille-B\u00e9e", people["Bob@a.example"]["name"])
        self.assertEqual((False, True), tuple(people["Bob@a.example"][key] for key in ("delivery", "conceal")))
        self.assertFalse(people["carol@a.example"]["delivery"])
        self.assertTrue(people["own@o.example"]["privileged"])
        self.assertFalse(people["two@o.example"]["privileged"])
        dev = server.json("list", "show", "dev@lists.example")
        values = {name: one["value"] for name, one in dev["settings"].items()}
        self.assertEqual(("Developers of \"things\"", "[dev]", "list", "-- \nthe \"things\" list\n", "de"),
                         tuple(values[name] for name in ("description", "subject_tag", "reply_to", "footer", "language")))
        self.assertEqual("closed", server.json("list", "show", "old@lists.example")["state"])
        answer = server.run("scenario", "explain", "dev@lists.example", "send", "--sender", "x@x.example", "--auth", "smtp")
        self.assertIn("privateoreditorkey", answer)
        # What does nothing is kept, and said.
        server.run("domain", "set", "lists.example", "spam_status=rspamd", "footer_html=<p>x</p>")
        self.assertIn("spam_status is kept, and nothing asks for it yet", server.last.stderr)
        self.assertIn("footer_html does nothing where footer", server.last.stderr)
        server.run("list", "set", "dev@lists.example", "tracking=private", "footer_html=<p>x</p>")
        self.assertIn("tracking is kept, and nothing asks for it yet", server.last.stderr)
        self.assertNotIn("footer_html", server.last.stderr)
        self.assertIn("list, not used yet", server.run("list", "show", "dev@lists.example"))
        server.run("request", "configure", "dev@lists.example", "d_read=owner")
        self.assertIn("d_read is kept, and nothing asks for it yet", server.last.stderr)
        server.run("list", "set", "dev@lists.example", "subject_tag=[things]")
        self.assertNotIn("nothing asks", server.last.stderr)
        mine = self.folder / "mine.txt"
        mine.write_text("true() smtp -> do_it\n")
        self.assertIn("nothing asks for tracking yet", server.run("scenario", "set", "tracking.mine", mine))
        self.assertNotIn("nothing asks", server.run("scenario", "set", "send.mine", mine))
        mine.write_text("equal([previous_email],'old@x.example') smtp -> do_it\n")
        server.run("scenario", "set", "move_user.mine", mine)
        server.run("domain", "set", "lists.example", "move_user=mine")
        move = ("scenario", "explain", "lists.example", "move_user", "--sender", "new@x.example")
        self.assertTrue(server.run(*move, "--previous", "Old@x.example").startswith("do_it"))
        self.assertTrue(server.run(*move).startswith("reject"))
        mine.write_text("true() smtp -> reject(tt2='no_way')\n")
        for verb in ("check", "set"):
            self.assertIn("there are no words of the name no_way", server.run("scenario", verb, "send.mine", mine))

    def test_template_code_stays_behind_and_what_has_no_place_is_said(self):
        server = essaim.Essaim(self.folder, start=False)
        there = self.folder / "list_data"
        bees, wasps = there / "bees", there / "wasps"
        for folder in (bees, bees / "search_filters", bees / "scenari", bees / "mail_tt2", bees / "shared", wasps):
            folder.mkdir(parents=True)
        (bees / "config").write_text(TEMPLATES)
        (bees / "message_header").write_text("Of [%list.name%] and [% listname %]\n")
        (bees / "message_footer").write_text("-- \n[% conf.wwsympa_url %]/info/[% list.name %]\n")
        (bees / "message_footer.mime").write_text("Content-Type: text/plain\n\nwords\n")
        (bees / "info").write_text("All about bees\n")
        (bees / "search_filters" / "blocklist.txt").write_text("*@spam.example\n")
        (bees / "scenari" / "send.bees").write_text("title.gettext bees\n\ntrue() smtp -> do_it\n")
        (bees / "mail_tt2" / "welcome.tt2").write_text("Subject: hello\n")
        for name in ("stats", "config.bin", "member.dump"):
            (bees / name).write_text("1 2 3\n")
        (wasps / "config").write_text("subject Wasps\n\ncustom_subject [%list.name%]:[%list.sequence%]\n")
        (wasps / "message.header").write_text("of old\n")
        made = subprocess.run([SCRIPT, there, "lists.example"], capture_output=True, text=True, check=True)
        remarks = made.stderr.splitlines()
        for remark in ("message_footer is not brought over: it has template code, [% conf.wwsympa_url %]",
                       "custom_header Reply-To: x@x.example is not brought over", "remove_headers Received is not brought over",
                       "message_footer.mime is not brought over", "info is not brought over", "mail_tt2 is not brought over",
                       "scenari is not brought over", "search_filters is not brought over"):
            self.assertEqual(1, sum(line.startswith("bees@lists.example: " + remark) for line in remarks), (remark, remarks))
        for silent in ("shared", "stats", "config", "member.dump is"):
            self.assertNotIn("bees@lists.example: " + silent, made.stderr)
        self.assertIn("wasps@lists.example: custom_subject is not brought over: it has template code, [%list.sequence%]", remarks)

        server.run("domain", "create", "lists.example")
        server.run("config", "apply", "-", stdin=made.stdout)

        def settings(address):
            return {name: one["value"] for name, one in server.json("list", "show", address)["settings"].items()}

        self.assertEqual(("[bees bees]", "Of bees and bees\n", "", "X-Campus: Lyon\nX-Hive: 7", "X-Mailer, User-Agent"),
                         tuple(settings("bees@lists.example")[name] for name in ("subject_tag", "header", "footer", "add_headers", "remove_headers")))
        self.assertEqual(("", "of old\n"), tuple(settings("wasps@lists.example")[name] for name in ("subject_tag", "header")))
        # As the remark says.
        server.run("scenario", "set", "blocklist.txt", bees / "search_filters" / "blocklist.txt", "--list", "bees@lists.example")
        answer = server.run("scenario", "explain", "bees@lists.example", "send", "--sender", "x@spam.example", "--auth", "smtp")
        self.assertIn("reject", answer)

    def test_what_is_not_utf_8_is_read_as_it_was_written_and_said(self):
        bees = self.folder / "list_data" / "bees"
        bees.mkdir(parents=True)
        (bees / "config").write_bytes(b"subject Caf\xe9\n")
        (bees / "message_footer").write_bytes(b"\x80 5 \x96 \x81 \xfc\n")
        (bees / "member.dump").write_bytes(b"email ann@a.example\ngecos Ren\xe9e\n\nemail bob@a.example\ngecos Andr\xc3\xa9\n")
        (bees / "owner.dump").write_bytes("email own@o.example\ngecos Ren\u00e9\n".encode())
        made = subprocess.run([SCRIPT, bees.parent, "lists.example"], capture_output=True, encoding="utf-8", check=True)
        for line in ('description = "Caf\u00e9"', 'footer = "\u20ac 5 \u2013 \x81 \u00fc\\n"', '"Ren\u00e9e <ann@a.example>"',
                     '"Andr\u00e9 <bob@a.example>"',
                     '"Ren\u00e9 <own@o.example'):
            self.assertIn(line, made.stdout)
        for name, count in (("config", 1), ("message_footer", 1), ("member.dump", 1), ("owner.dump", 0)):
            self.assertEqual(count, made.stderr.count(f"bees@lists.example: {name} is not UTF-8 in 1 of its lines"), made.stderr)

    def test_lists_of_the_first_domain_stand_beside_the_folders_of_others(self):
        """As Sympa lays them out, writes them and dumps their people."""
        there = self.folder / "list_data"
        for folder in (there / "wasps", there / "other.example" / "ants"):
            folder.mkdir(parents=True)
            (folder / "config").write_text(WASPS)
        (there / "wasps" / "member.dump").write_text(SUSPENDED)
        (there / "wasps" / "owner.dump").write_text(
            "date 1700000000\nemail two@o.example\ninfo Room 12\nemail x@x.example\nprofile privileged\nprofile normal\n"
            "reception nomail\nsubscribed 1\nupdate_date 1700000000\nvisibility conceal\n\n")
        made = subprocess.run([SCRIPT, there, "lists.example"], capture_output=True, text=True, check=True)
        self.assertNotIn("ants", made.stdout)
        for line in ('digest = "mon,wed,fri 13:26"', 'digest_max_posts = "10"', '  "over@a.example",', '  "now@a.example (off)",', '  "later@a.example",', 'footer_style = "mime"',
                     'held_expire = "15d"', 'anonymous = "true"',
                     'misaddressed_commands = "accept"'):
            self.assertIn(line, made.stdout.splitlines())
        self.assertIn('  "two@o.example (off, unprivileged)",', made.stdout.splitlines())
        self.assertNotIn("x@x.example", made.stdout)
        remarks = made.stderr.splitlines()
        for remark in ("anonymous_sender robot@lists.example: its authors are hidden, and From is the list here",
                       "owner_include is not brought over: who came from it stays, and nothing keeps them in step with it",
                       "reply_to_header is not brought over", "1 of its members are suspended; they are off here until"):
            self.assertEqual(1, sum(line.startswith("wasps@lists.example: " + remark) for line in remarks), (remark, remarks))
        for silent in ("pictures_feature", "shared_doc", "user_data_source", "footer_type", "clean_delay_queuemod"):
            self.assertNotIn(silent, made.stderr)

    def test_rules_of_a_list_of_their_own_come_before_its_settings(self):
        server = essaim.Essaim(self.folder, start=False)
        wasps = self.folder / "list_data" / "wasps"
        (wasps / "scenari").mkdir(parents=True)
        (wasps / "config").write_text("subject Wasps\n\nsend mine\n\nadd ownerdkim\n\nsubscribe authdkim\n")
        for role in ("member", "owner", "editor"):
            (wasps / f"{role}.dump").write_text("email own@o.example\nprofile privileged\n" if role == "owner" else "")
        rules = wasps / "scenari" / "send.mine"
        rules.write_bytes(RULES.replace("\n", "\r\n").encode())
        made = subprocess.run([SCRIPT, wasps.parent, "lists.example"], capture_output=True, text=True, check=True)
        self.assertIn("before `config apply`, `essaim list create LIST --owner ADDRESS`", made.stderr)
        server.run("domain", "create", "lists.example")
        server.run("config", "apply", "-", stdin=made.stdout, check=False)
        self.assertIn("there is no scenario send.mine", server.last.stderr)
        # As the remark says.
        server.run("list", "create", "wasps@lists.example", "--owner", "own@o.example")
        self.assertNotIn("no words", server.run("scenario", "set", "send.mine", rules, "--list", "wasps@lists.example"))
        server.run("config", "apply", "-", stdin=made.stdout)

        def decided(function, sender, level, *more):
            return server.run("scenario", "explain", "wasps@lists.example", function, "--sender", sender, "--auth", level, *more).split("\n")[0]

        post = self.folder / "post"
        post.write_text("From: x@x.example\nX-Sender: Own Er <own@o.example>\nSubject: x\n\nx\n")
        for sender, message, action in (("x@lists.example", (), "do_it"), ("x@listsxexample", (), "reject"), ("x@d", (), "reject"),
                                        ("x@x.example", ("--message", post), "editorkey")):
            self.assertTrue(decided("send", sender, "smtp", *message).startswith(action), (sender, action))
        # Names that end with dkim: From alone is asked to confirm.
        for function, sender in (("add", "own@o.example"), ("subscribe", "new@x.example")):
            self.assertTrue(decided(function, sender, "smtp").startswith("request_auth"), function)
            self.assertTrue(decided(function, sender, "dkim").startswith("do_it"), function)

    def test_rules_that_cannot_be_read_are_refused_with_their_place(self):
        server = essaim.Essaim(self.folder, start=False)
        server.run("domain", "create", "lists.example")
        rules = self.folder / "rules"
        for line, said in (("CustomCondition::ours([sender]) smtp -> do_it", "column 1: conditions written in Perl are not run here"),
                           ("match([sender],/x/i) smtp -> do_it", "column 19: nothing may follow the expression"),
                           ("true() && is_owner([listname],[sender]) smtp -> do_it", "column 8: "),
                           ("match([sender],/[custom_vars->friends]/) smtp -> do_it", "column 16: the expression cannot be read"),
                           ("equal([sendr],'x') smtp -> do_it", "column 8: there is no variable 'sendr'; did you mean 'sender'?"),
                           ("include.others", "column 1: the file include.others is named without its first word: include others"),
                           ("include others", "send.ours, line 4: there is no include.others"),
                           ("search(people.pl) smtp -> do_it", "column 8: search needs the name of a filter")):
            rules.write_text("title.gettext ours\n\n# rules\n" + line + "\ntrue() smtp,md5 -> reject\n")
            server.run("scenario", "set", "send.ours", rules, "--domain", "lists.example", check=False)
            self.assertEqual(2, server.last.returncode, line)
            self.assertIn("send.ours, line 4", server.last.stderr, line)
            self.assertIn(said, server.last.stderr, line)
        # Nobody would ask it under its old name.
        rules.write_text("; of old\n*@spam.example\n")
        server.run("scenario", "set", "blacklist.txt", rules, check=False)
        self.assertIn("blacklist.txt is called blocklist.txt", server.last.stderr)
        server.run("scenario", "set", "blocklist.txt", rules)

    def test_it_ends_as_other_programs_do(self):
        bees = self.folder / "list_data" / "bees"
        bees.mkdir(parents=True)
        (bees / "config").write_text("subject Bees\n")
        (bees / "member.dump").write_text("".join(f"email p{number}@a.example\n\n" for number in range(20_000)))

        def run(*words, **how):
            return subprocess.run([SCRIPT, *words], stderr=subprocess.PIPE, encoding="utf-8", **how)

        for words in (["--help"], ["-h"], [bees.parent, "--help"]):
            asked = run(*words, stdout=subprocess.PIPE)
            self.assertEqual((0, ""), (asked.returncode, asked.stderr), words)
            self.assertIn("FOLDER DOMAIN [LIST...]", asked.stdout)
        for words in ([], [bees.parent], ["--frobnicate", "lists.example"]):
            wrong = run(*words, stdout=subprocess.PIPE)
            self.assertEqual((2, ""), (wrong.returncode, wrong.stdout), words)
            self.assertIn("FOLDER DOMAIN [LIST...]", wrong.stderr)
        with open("/dev/full", "w") as full:
            failed = run(bees.parent, "lists.example", stdout=full)
        self.assertEqual(1, failed.returncode)
        self.assertEqual("from-sympa: what comes out cannot be written: No space left on device", failed.stderr.splitlines()[-1])
        self.assertNotIn("Traceback", failed.stderr)
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as nobody_reads:
            cut = run(bees.parent, "lists.example", stdout=nobody_reads)
        self.assertEqual(-signal.SIGPIPE, cut.returncode)
        self.assertNotIn("Traceback", cut.stderr)


if __name__ == "__main__":
    unittest.main()
