"""The sink that other scenarios deliver to says at its start what it could not do later."""

import subprocess
import unittest

from support import processes


class Sink(processes.Scenario):
    def refused(self, *options):
        done = subprocess.run([processes.BUILD / "essaim-sink", "--listen", "127.0.0.1:0", *options], capture_output=True, text=True,
                              timeout=processes.PATIENCE, check=False)
        self.assertEqual(1, done.returncode, done)
        return done.stderr

    def test_a_folder_that_is_not_there_or_is_none_is_told(self):
        missing, file = self.folder / "missing", self.folder / "file"
        file.write_text("")
        self.assertEqual(f"essaim-sink: --keep {missing}: No such file or directory\n", self.refused("--keep", missing))
        self.assertEqual(f"essaim-sink: --keep {file}: Not a directory\n", self.refused("--keep", file))


if __name__ == "__main__":
    unittest.main()
