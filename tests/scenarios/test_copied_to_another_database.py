"""A database is copied to another one, which takes its place, and somebody starts the server on the old one."""

import unittest

from support import essaim, processes

LIST = "dev@lists.example"
MEMBERS = [f"m{i}@d{i}.example" for i in range(40)]


class CopiedToAnotherDatabase(processes.Scenario):
    def test_no_server_starts_on_a_database_that_was_copied_until_it_is_reopened(self):
        node = self.started(essaim.Essaim(self.folder))
        node.make_list(LIST, MEMBERS)
        self.assertEqual(0, node.stop())
        copy = self.folder / "copy.db"
        node.run("storage", "copy", f"sqlite:{copy}")
        with self.assertRaisesRegex(AssertionError, "was copied to another database at .*essaim storage reopen"):
            node.start()
        node.run("member", "remove", LIST, MEMBERS[0], check=False)
        self.assertIn("was copied to another database at", node.last.stderr)
        self.assertIn("no server starts on this one", node.run("storage", "check"))
        node.run("storage", "copy", f"sqlite:{self.folder}/again.db")

        here = node.config.read_text()
        node.config.write_text(here.replace(f"sqlite:{node.database}", f"sqlite:{copy}"))
        node.start()
        self.assertEqual(0, node.stop())
        node.config.write_text(here)
        self.assertIn("servers may start", node.run("storage", "reopen"))
        node.start()
        self.assertEqual(1 + len(MEMBERS), len(node.json("member", "list", LIST)))


if __name__ == "__main__":
    unittest.main()
