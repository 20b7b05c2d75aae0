"""The table of the usual kinds of list in docs/lists.md: each row, set as it says, does what it says."""

import pathlib
import unittest

from support import essaim, processes, sink

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "lists.md"
SAYS = {
    "do_it": "at once",
    "request_auth": "after confirmation",
    "editorkey": "wait",
    "request_auth([email])": "after confirmation",
    "owner": "an owner approves",
}


def rows():
    """Each row: kind, settings, what owners, editors, members and others may, joining."""
    section = DOCUMENT.read_text().partition("\n## The usual kinds of list\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[1].startswith("`"):
            yield cells[0], cells[1].strip("`").split(), cells[2:6], cells[6]


class UsualKindsOfList(processes.Scenario):
    def test_each_row_does_what_it_says(self):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        table = list(rows())
        self.assertGreaterEqual(len(table), 5)
        for number, (kind, settings, posting, joining) in enumerate(table):
            with self.subTest(kind=kind):
                name = f"kind{number}@lists.example"
                self.essaim.make_list(name, ["member@a.example"])
                self.essaim.run("member", "add", name, "editor@a.example", "--role", "editor")
                self.essaim.run("list", "set", name, *settings)
                for who, says in zip(("owner@people.example", "editor@a.example", "member@a.example", "other@a.example"), posting):
                    self.assertEqual(says, self.explained(name, "send", who), who)
                self.assertEqual(joining.partition(";")[0], self.explained(name, "subscribe", "other@a.example"))

    def explained(self, name, function, who):
        action = self.essaim.json("scenario", "explain", name, function, "--sender", who)["action"]
        return "no" if action.startswith("reject") else SAYS[action]


if __name__ == "__main__":
    unittest.main()
