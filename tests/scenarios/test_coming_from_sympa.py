"""A domain of Sympa comes over: lists, settings and people, and what has no place is said."""

import pathlib
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
"""
MEMBERS = """date 1500000000
email ann@a.example
gecos Ann <b> "Bee"
reception digest
subscribed 1

email Bob@a.example
gecos Bob B\u00e9e
reception nomail
visibility conceal

email carol@a.example
inclusion 1600000000
subscribed 0
suspend 1
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
        (there / "old" / "config").write_text("subject Old\n\nstatus closed\n")
        made = subprocess.run([SCRIPT, there, "lists.example"], capture_output=True, text=True, check=True)
        for remark in ("include_sql_query is not brought over", "1 of its members had reception digest",
                       "1 of its members came from a data source"):
            self.assertIn("dev@lists.example: " + remark, made.stderr)
        self.assertIn("old@lists.example: there is no member.dump", made.stderr)

        server.run("domain", "create", "lists.example")
        server.run("config", "apply", "-", stdin=made.stdout)
        self.assertIn("nothing to change", server.run("config", "apply", "-", stdin=made.stdout))
        people = {one["address"]: one for one in server.json("member", "list", "dev@lists.example")}
        self.assertEqual('Ann (b) "Bee"', people["ann@a.example"]["name"])
        self.assertTrue(people["ann@a.example"]["delivery"])
        self.assertEqual((False, True), tuple(people["Bob@a.example"][key] for key in ("delivery", "conceal")))
        self.assertFalse(people["carol@a.example"]["delivery"])
        self.assertTrue(people["own@o.example"]["privileged"])
        self.assertFalse(people["two@o.example"]["privileged"])
        dev = server.json("list", "show", "dev@lists.example")
        values = {name: one["value"] for name, one in dev["settings"].items()}
        self.assertEqual(("Developers of \"things\"", "[dev]", "list", "-- \nthe \"things\" list\n"),
                         tuple(values[name] for name in ("description", "subject_tag", "reply_to", "footer")))
        self.assertEqual("closed", server.json("list", "show", "old@lists.example")["state"])
        answer = server.run("scenario", "explain", "dev@lists.example", "send", "--sender", "x@x.example", "--auth", "smtp")
        self.assertIn("privateoreditorkey", answer)


if __name__ == "__main__":
    unittest.main()
