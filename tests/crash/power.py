"""What a power failure leaves: from the contents at the beginning and the log of changes that the preloaded library wrote
(shim/files.cc). What was synced is there. What was not is there, or is not, or is there in part: every sector of every write
by itself, names in their order up to some point. Names are durable when their directory was synced. When a sync failed, what
was not there by then never comes, unless it is written again: the kernel holds it for clean."""

import pathlib
import struct

ENTRY = struct.Struct("<c3sIQQQ")
BEGIN, END = b"es\1", b"\1essaim\2"
SECTOR = 512
SHARES = [0.0, 0.0, 0.3, 0.7, 1.0]  # of what was not synced, that is there


class File:
    def __init__(self, data=b""):
        self.data = bytearray(data)
        self.pending = []  # (position in the log, what, at, data)

    def apply(self, what, at, data):
        if what == b"W":
            if len(self.data) < at:
                self.data.extend(bytes(at - len(self.data)))
            self.data[at:at + len(data)] = data
        elif what == b"T":
            if at < len(self.data):
                del self.data[at:]
            else:
                self.data.extend(bytes(at - len(self.data)))
        elif what == b"A" and at > len(self.data):
            self.data.extend(bytes(at - len(self.data)))

    def synced_up_to(self, position):
        kept = []
        for change in self.pending:
            if change[0] < position:
                self.apply(*change[1:])
            else:
                kept.append(change)
        self.pending = kept

    def write_some(self, at, data, share, random):
        """Every sector with this probability. How many of how many were written."""
        ends = list(range((at // SECTOR + 1) * SECTOR, at + len(data), SECTOR)) + [at + len(data)]
        kept, begin = 0, at
        for end in ends:
            if random.random() < share:
                self.apply(b"W", begin, data[begin - at:end - at])
                kept += 1
            begin = end
        return kept, len(ends)

    def sync_failed(self, share, random):
        for _, what, at, data in self.pending:
            if what == b"W":
                self.write_some(at, data, share, random)
            else:
                self.apply(what, at, data)
        self.pending = []


class Disk:
    """directory: what is meant; log: where the library writes. While nothing runs: begin(), and fail() at the end."""

    def __init__(self, directory, log, random):
        self.directory, self.log, self.random = pathlib.Path(directory), pathlib.Path(log), random
        self.lost_writes = self.kept_writes = self.torn_writes = self.lost_names = self.failed_syncs = self.torn_entries = 0

    def _meant(self, path):
        # The log and the configuration are the harness's own.
        return path.is_file() and not path.name.endswith(("-shm", "log", ".toml")) and "/spill" not in str(path)

    def begin(self):
        """All that is there now is on the disk."""
        self.log.write_bytes(b"")
        self.files, self.names, self.inodes, self.pending_names, self.syncs = {}, {}, {}, {}, {}
        self.early, self.numbers = {}, {}  # files of which nobody has said yet that they were made; inodes by path
        self.position, self.offset = 0, 0
        for path in self.directory.rglob("*"):
            if self._meant(path):
                file = File(path.read_bytes())
                self.names[str(path)] = file
                self._has_inode(str(path), path.stat().st_ino, file)

    def read(self):
        with open(self.log, "rb") as log:
            log.seek(self.offset)
            text = log.read()
        at = 0
        while 0 <= at <= len(text) - ENTRY.size:
            what, begin, length, inode, where, file = ENTRY.unpack_from(text, at)
            end = at + ENTRY.size + length
            if begin != BEGIN or text[end:end + len(END)] != END:
                # Half an entry of a process that was killed. The next one may stand behind any octet of it.
                self.torn_entries += 1
                found = text.find(BEGIN, at + 2)
                at = found - 1 if found > 0 else len(text)
                continue
            at = end + len(END)
            self.position += 1
            self._entry(what, inode, where, file, text[end - length:end])
        self.offset += len(text)

    def _entry(self, what, inode, where, file, data):
        if what == b"C":
            self._has_inode(data.decode(), file, self.early.pop(file, None) or File())
            self.pending_names.setdefault(inode, []).append((self.position, what, data.decode(), self.inodes[file]))
        elif what in b"UR":
            self._gone_or_renamed(what, data.decode())
            self.pending_names.setdefault(inode, []).append((self.position, what, data.decode(), None))
        elif what == b"B":
            self.syncs[where] = self.position
        elif what == b"E":
            began = self.syncs.pop(where, 0)
            if file := self._of(inode):
                file.synced_up_to(began)
            names = self.pending_names.get(inode, [])
            for change in [n for n in names if n[0] < began]:
                self._name(*change[1:])
            self.pending_names[inode] = [n for n in names if n[0] >= began]
        elif what == b"F":
            if file := self._of(inode):
                self.failed_syncs += 1
                file.sync_failed(self.random.choice(SHARES), self.random)
        else:
            # Another process may have written to it before who has made it said so.
            file = self._of(inode) or self.early.setdefault(inode, File())
            file.pending.append((self.position, what, where, data))

    def _of(self, inode):
        return self.inodes.get(inode) or self.early.get(inode)

    def _has_inode(self, path, inode, file):
        self.inodes[inode], self.numbers[path] = file, inode

    def _gone_or_renamed(self, what, text):
        """The number of a file that has gone may be another's next."""
        old, _, new = text.partition("\0")
        number = self.numbers.pop(old, None)
        if what == b"R" and number is not None:
            self.numbers[new] = number
        elif number is not None:
            self.inodes.pop(number, None)

    def _name(self, what, text, file):
        if what == b"C":
            self.names[text] = file
        elif what == b"U":
            self.names.pop(text, None)
        else:
            old, _, new = text.partition("\0")
            if old in self.names:
                self.names[new] = self.names.pop(old)

    def fail(self):
        """The power is gone: the directory holds what would be left. How much that is differs from time to time."""
        self.read()
        self._name_the_early()
        share = self.random.choice(SHARES)
        for changes in self.pending_names.values():
            kept = self.random.randint(0, len(changes)) if 0 < share < 1 else int(share) * len(changes)
            self.lost_names += len(changes) - kept
            for change in changes[:kept]:
                self._name(*change[1:])
        for file in {id(f): f for f in self.names.values()}.values():
            for _, what, at, data in file.pending:
                self._keep_some(file, what, at, data, share)
            file.pending = []
        for path in list(self.directory.rglob("*")):
            if self._meant(path) or path.name.endswith("-shm"):
                path.unlink()
        for name, file in self.names.items():
            pathlib.Path(name).write_bytes(file.data)
        self.begin()

    def _name_the_early(self):
        """Who made them was killed before it could say so."""
        for path in self.directory.rglob("*"):
            if self.early and self._meant(path) and (file := self.early.pop(path.stat().st_ino, None)):
                self.names[str(path)] = file

    def _keep_some(self, file, what, at, data, share):
        if what != b"W":
            if self.random.random() < share:
                file.apply(what, at, data)
            return
        kept, of = file.write_some(at, data, share, self.random)
        if kept == of:
            self.kept_writes += 1
        elif kept == 0:
            self.lost_writes += 1
        else:
            self.torn_writes += 1
