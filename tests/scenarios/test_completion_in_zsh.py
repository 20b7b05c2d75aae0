"""Completion of the command line: tabs typed in an interactive zsh, which runs what was completed."""

import shutil
import subprocess
import unittest

from support import essaim, processes, terminal

LIST = "dev@lists.example"
BUILT = processes.BUILD / "completions" / "_essaim"


@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
class CompletionInZsh(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.essaim = essaim.Essaim(self.folder, start=False)
        self.essaim.make_list(LIST, [])
        self.essaim.make_list("news@lists.example", [])
        (self.folder / "lists.toml").write_text("")
        # A machine that is busy with other tests starts a program late.
        (self.folder / "functions").mkdir()
        self.script = self.folder / "functions" / "_essaim"
        text = BUILT.read_text()
        self.assertIn("timeout 3 ", text)
        self.script.write_text(text.replace("timeout 3 ", "timeout 100 "))

    def shell(self, first):
        return self.started(terminal.Shell(self.folder, ["zsh", "-f", "-i"], first))

    def test_tabs_complete_commands_options_and_what_is_in_the_database(self):
        config = ["--config", str(self.essaim.config)]
        before = f"essaim --config {self.essaim.config} "
        zsh = self.shell(f"autoload -Uz compinit; compinit -u -D; source '{self.script}'")
        for keys, expected in [
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
            ("list sh\td", ["list", "show", "d"]),
            ("list nonsense d\t", ["list", "nonsense", "d"]),
        ]:
            with self.subTest(keys=keys):
                self.assertEqual(config + expected, zsh.typed(before + keys))
        self.assertEqual(["list", "create"], zsh.typed("true; X=1 essaim list cre\t"))

    def test_it_is_found_where_zsh_looks_for_functions(self):
        zsh = self.shell(f"fpath=('{self.script.parent}' $fpath); autoload -Uz compinit; compinit -u -D")
        for _ in range(2):  # the first time it is loaded
            self.assertEqual(["list", "create"], zsh.typed("essaim list cre\t"))

    def test_it_is_what_the_program_prints_and_zsh_reads_it(self):
        self.assertEqual(BUILT.read_text(), self.essaim.run("completion", "zsh"))
        read = subprocess.run(["zsh", "-n", BUILT], capture_output=True, text=True, check=False)
        self.assertEqual((0, "", ""), (read.returncode, read.stdout, read.stderr))


if __name__ == "__main__":
    unittest.main()
