"""Named filters of scenarios that ask a database or a directory: who is held, what cannot be injected, and a source that is silent."""

import sqlite3
import unittest

import test_moderation_and_commands as commands
from support import mariadb, processes, slapd

LIST = commands.LIST
STRANGER = (550, "5.7.2 dev@lists.example: a stranger; questions: dev-owner@lists.example [rule: send.mine:5]")


class RulesThatAskOthers(commands.People):
    def keep(self, name, text, check=True):
        file = self.folder / name
        file.write_text(text)
        self.essaim.run("scenario", "set", name, file, "--list", LIST, check=check)

    def code(self, sender):
        return self.write(sender, LIST)[0]

    def test_a_directory_and_databases_say_who_may_post_and_one_that_is_silent_costs_nobody_their_mail(self):
        directory = self.started(slapd.Slapd(self.folder, [("ann", "x", ["ann@a.example"])]))
        server = self.started(mariadb.MariaDb())
        server.execute("CREATE DATABASE essaim_people; USE essaim_people; CREATE TABLE staff (mail VARCHAR(200), job VARCHAR(20)) "
                       "DEFAULT CHARSET utf8mb4; INSERT INTO staff VALUES ('Bob@b.example', 'prof'), ('dan@d.example', 'guest')")
        file = self.folder / "friends.db"
        with sqlite3.connect(file) as friends:
            friends.execute("CREATE TABLE friend (mail TEXT, list TEXT)")
            friends.execute("INSERT INTO friend VALUES ('cyd@c.example', 'dev')")
        self.set_up_list()
        self.keep("people.ldap", f"host 127.0.0.1:{directory.port}\nsuffix ou=people,{slapd.BASE}\nfilter (mail=[sender])\ntimeout 1\n")
        self.keep("staff.sql", f"sql_named_filter_query\ndb_type MySQL\ndb_host 127.0.0.1\ndb_port {server.port}\ndb_name essaim_people\n"
                               f"db_user essaim\ndb_passwd {mariadb.PASSWORD}\ndb_timeout 1\n"
                               "statement SELECT COUNT(*) FROM staff WHERE mail=[sender] AND job='prof'\n")
        self.keep("friends.sql", f"db_type SQLite\ndb_name {file}\nstatement SELECT 1 FROM friend WHERE mail=[sender] AND list=[listname]\n")
        self.keep("pass.sql", f"db_type SQLite\ndb_name {file}\nstatement SELECT 1 FROM friend WHERE mail=[msg_header->X-Pass][0]\n")
        self.keep("bad.sql", "db_type SQLite\ndb_name /x\nstatment SELECT 1\n", check=False)
        self.assertIn("bad.sql, line 3: 'statment' is no setting of such a filter; did you mean 'statement'?", self.essaim.last.stderr)
        self.keep("send.mine", "search(people.ldap) smtp -> do_it\nsearch(staff.sql,[sender]) smtp -> do_it\n"
                               "search(friends.sql) smtp -> do_it\nsearch(pass.sql) smtp -> do_it\ntrue() smtp -> reject(reason='a stranger')\n")
        self.essaim.run("list", "set", LIST, "send=mine")

        for who in ("ann@a.example", "bob@b.example", "cyd@c.example"):
            self.assertEqual(250, self.code(who), who)
        for who in ("dan@d.example", "eve@e.example", "*@a.example", "a*@a.example", "\"x' OR '1'='1\"@y.example", "\"' OR 1=1 -- \"@y.example",
                    "\"x)(mail=*\"@y.example"):
            self.assertEqual(STRANGER, self.write(who, LIST), who)
        # What a rule knows of a message may be asked with, and is quoted as well.
        self.assertEqual(250, self.write("dan@d.example", LIST, extra="X-Pass: cyd@c.example\r\n")[0])
        self.assertEqual(STRANGER, self.write("dan@d.example", LIST, extra="X-Pass: ' OR '1'='1\r\n"))
        self.assertIn("do_it  [send.mine:2]", self.essaim.run("scenario", "explain", LIST, "send", "--sender", "bob@b.example"))

        # A source that says nothing: who is known is known, others come again.
        server.pause()
        self.assertEqual(250, self.code("bob@b.example"))
        self.assertEqual(250, self.code("ann@a.example"))
        self.assertEqual(451, self.code("new@n.example"))
        self.assertRegex(self.essaim.process.output(), r"filter-failed filter=staff.sql error=")
        self.essaim.run("scenario", "explain", LIST, "send", "--sender", "new@n.example", check=False)
        self.assertIn("the filter staff.sql cannot be asked", self.essaim.last.stderr)
        server.go_on()
        processes.wait_for("an answer for good", lambda: self.write("new@n.example", LIST) == STRANGER)
        directory.stop()
        self.assertEqual(250, self.code("ann@a.example"))
        self.assertEqual(451, self.code("newer@n.example"))

    def test_a_confirmation_waits_for_the_source_too(self):
        directory = self.started(slapd.Slapd(self.folder, [("ann", "x", ["ann@a.example"])]))
        self.set_up_list()
        self.keep("people.ldap", f"host {directory.url}\nsuffix {slapd.BASE}\nfilter (mail=[sender])\nscope sub\n")
        self.keep("subscribe.mine", "search(people.ldap) smtp -> request_auth\nsearch(people.ldap) md5 -> do_it\n"
                                    "true() smtp,md5 -> reject(reason='a stranger')\n")
        self.essaim.run("list", "set", LIST, "subscribe=mine")
        self.essaim.run("member", "remove", LIST, "ann@a.example")
        self.taken("ann@a.example", "dev-subscribe@lists.example")
        self.taken("ann@a.example", self.letter("ann@a.example", "To confirm, just answer")["Reply-To"])
        processes.wait_for("the membership", lambda: "ann@a.example" in self.essaim.run("member", "list", LIST))
        self.assertEqual("refused", self.essaim_refuses("eve@e.example"))

    def essaim_refuses(self, who):
        reply = self.write(who, "dev-subscribe@lists.example")
        return "refused" if reply[0] == 550 and "a stranger" in reply[1] else reply


if __name__ == "__main__":
    unittest.main()
