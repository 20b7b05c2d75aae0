"""The control structure of the preloaded library (shim/shim.h), changed while the server runs."""

import mmap
import struct

WORDS = ["clock_offset_ms", "clock_factor", "fail_calls", "fail_errno", "fail_first", "fail_times", "seen", "failed"]
PATH_OCTETS = 192
OPEN, WRITE, SYNC, TRUNCATE, ALLOCATE, READ = 1, 2, 4, 8, 16, 32
TEAR = -1  # instead of an errno: half of a write, and then the end of the process


class Control:
    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(8 * len(WORDS) + PATH_OCTETS))
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def __getitem__(self, word):
        return struct.unpack_from("q", self._memory, 8 * WORDS.index(word))[0]

    def __setitem__(self, word, value):
        struct.pack_into("q", self._memory, 8 * WORDS.index(word), value)

    def fail(self, calls, number, path="", first=1, times=1):
        """From the first-th such call on, so many fail, on files whose path contains the text. Files that are open
        already are judged by the text that stood here when they were opened."""
        self["fail_calls"] = 0
        encoded = path.encode()
        self._memory[8 * len(WORDS):8 * len(WORDS) + PATH_OCTETS] = encoded + bytes(PATH_OCTETS - len(encoded))
        for word, value in (("seen", 0), ("failed", 0), ("fail_errno", number), ("fail_first", first), ("fail_times", times)):
            self[word] = value
        self["fail_calls"] = calls

    def heal(self):
        self["fail_calls"] = 0
