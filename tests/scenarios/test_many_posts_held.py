"""More posts wait for the moderators than anybody counts: the operator sees and decides all of them."""

import sqlite3
import unittest

from support import essaim, processes

LIST = "dev@lists.example"
COUNT = 1100


class ManyPostsHeld(processes.Scenario):
    def test_all_are_listed_and_decided(self):
        server = essaim.Essaim(self.folder, start=False)
        server.make_list(LIST, [])
        database = sqlite3.connect(server.database)
        list_id = database.execute("SELECT id FROM list").fetchone()[0]
        for i in range(1, COUNT + 1):
            database.execute(
                "INSERT INTO held (id, kind, state, answer_key, list_id, list_address, subject_key, sender, author, message_id, subject, size, "
                "client, rule_name, details, held, expires, remind, decided, decided_by, reason) VALUES (?, 0, 0, ?, ?, ?, ?, 'a@a.example', "
                "'a@a.example', '<1@a.example>', 'Bees', 5, '', '', '{}', 1790000000000, 2790000000000, 0, 0, '', '')",
                (list_id + i, f"key{i}", list_id, LIST, f"post {i}"))
            database.execute("INSERT INTO held_message VALUES (?, 0, ?)", (list_id + i, b"From: a@a.example\r\n\r\nBees\r\n"))
        database.commit()
        database.close()
        self.assertEqual(COUNT, len(server.json("held", "list", "--list", LIST)))
        self.assertEqual(COUNT, len(server.json("held", "reject", "--list", LIST, "--quiet")))
        self.assertEqual([], server.json("held", "list"))
        self.assertEqual(COUNT, len(server.json("held", "list", "--all")))


if __name__ == "__main__":
    unittest.main()
