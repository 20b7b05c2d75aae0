"""An interactive shell on a terminal, at which keys are typed."""

import os
import pty
import select
import subprocess

from . import processes


class Shell:
    """Nothing of the user's. What would run the program writes its arguments down, a line for each."""

    def __init__(self, folder, command, first):
        self.name = command[0]
        self.folder, self.answer, self.log = folder, folder / "answer", folder / "terminal"
        self.log.write_text("")
        self.terminal, end = pty.openpty()
        environment = {**os.environ, "PATH": f"{processes.BUILD}:/usr/bin:/bin", "TERM": "dumb", "INPUTRC": "/dev/null", "HISTFILE": "",
                       "HOME": str(folder)}
        self.process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, cwd=folder, env=environment, start_new_session=True)
        os.close(end)
        self.typed(f"{first}; essaim() {{ printf '%s\\n' \"$@\" >part; mv part answer; }}; essaim ready")

    def typed(self, keys):
        self.answer.unlink(missing_ok=True)
        os.write(self.terminal, keys.encode() + b"\n")
        processes.wait_for(f"the command behind {keys!r}", self._answered)
        return self.answer.read_text().splitlines()

    def _answered(self):
        assert self.process.poll() is None, self.log.read_text()
        while select.select([self.terminal], [], [], 0)[0]:
            with self.log.open("ab") as log:
                log.write(os.read(self.terminal, 65536))
        return self.answer.exists()

    def stop(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
