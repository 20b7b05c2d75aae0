"""Completion of the command line: tabs typed in an interactive bash, which runs what was completed."""

import socket
import subprocess
import unittest

from support import essaim, processes, terminal

LIST = "dev@lists.example"
BUILT = processes.BUILD / "completions" / "essaim"


class CompletionInBash(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.essaim = essaim.Essaim(self.folder, start=False)
        self.essaim.make_list(LIST, [])
        self.essaim.make_list("news@lists.example", [])
        (self.folder / "lists.toml").write_text("")
        # A machine that is busy with other tests starts a program late.
        script = self.folder / "script"
        text = BUILT.read_text()
        self.assertIn("timeout 3 ", text)
        script.write_text(text.replace("timeout 3 ", "timeout 100 "))
        self.bash = self.started(terminal.Shell(self.folder, ["bash", "--noprofile", "--norc", "-i"], f"source '{script}'"))

    def test_tabs_complete_commands_options_and_what_is_in_the_database(self):
        config = ["--config", str(self.essaim.config)]
        before = f"essaim --config {self.essaim.config} "
        rows = [
            ("list cre\t", ["list", "create"]),
            ("qu\twh\t", ["queue", "why"]),
            ("queue list --older\t1h", ["queue", "list", "--older-than", "1h"]),
            ("list show d\t", ["list", "show", LIST]),
            ("list show dev@li\t", ["list", "show", LIST]),
            ('list show "de\t', ["list", "show", LIST]),
            ("list show 'dev@l\t", ["list", "show", LIST]),
            ("queue list --list de\t", ["queue", "list", "--list", LIST]),
            ("queue list --list=dev@\t", ["queue", "list", f"--list={LIST}"]),
            (f"list set {LIST} subject_t\tBees", ["list", "set", LIST, "subject_tag=Bees"]),
            ("domain show l\t", ["domain", "show", "lists.example"]),
            ("config apply lis\t", ["config", "apply", "lists.toml"]),
            # Two fit, and none.
            ("list show \t", ["list", "show"]),
            ("list nonsense d\t", ["list", "nonsense", "d"]),
        ]
        # bash-completion takes the @ out of these; a user may take the others.
        for breaks in ("$COMP_WORDBREAKS", "${COMP_WORDBREAKS//@/}", "${COMP_WORDBREAKS//[@=:]/}"):
            self.bash.typed(f"COMP_WORDBREAKS={breaks}; essaim ready")
            for keys, expected in rows:
                with self.subTest(keys=keys, breaks=breaks):
                    self.assertEqual(config + expected, self.bash.typed(before + keys))
        self.assertEqual(["list", "create"], self.bash.typed("true; X=1 essaim list cre\t"))

    def test_a_tab_makes_nothing_and_says_nothing_where_nothing_can_be_read(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            base = self.essaim.config.read_text()
            url = f'url = "sqlite:{self.essaim.database}"'
            self.assertIn(url, base)
            places = {
                "no database": base.replace(url, f'url = "sqlite:{self.folder}/none.db"'),
                "a server that does not answer": base.replace(url, f'url = "mariadb://essaim@127.0.0.1:{silent.getsockname()[1]}/essaim"'),
                "no configuration": "nonsense",
            }
            for name, text in places.items():
                with self.subTest(name):
                    self.assertNotEqual(base, text)
                    (self.folder / "other.toml").write_text(text)
                    shown = len(self.bash.log.read_text())
                    for keys in ("list show d\t", "list sh\td"):
                        self.assertEqual(["--config", "other.toml", "list", "show", "d"],
                                         self.bash.typed(f"essaim --config other.toml {keys}"))
                    self.assertNotRegex(self.bash.log.read_text()[shown:], "(?i)error|timeout|no such|terminated|warning")
        self.assertFalse((self.folder / "none.db").exists())

    def test_it_is_what_the_program_prints_and_bash_reads_it(self):
        self.assertEqual(BUILT.read_text(), self.essaim.run("completion", "bash"))
        read = subprocess.run(["bash", "-n", BUILT], capture_output=True, text=True, check=False)
        self.assertEqual((0, "", ""), (read.returncode, read.stdout, read.stderr))


if __name__ == "__main__":
    unittest.main()
