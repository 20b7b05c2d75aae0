"""Counts fsync and fdatasync of processes and of all that they start. In a pass of its own: watching costs time."""

import contextlib
import re
import shutil
import signal
import subprocess
import time


def _perf_counts():
    """Does perf count these events here?"""
    if not shutil.which("perf"):
        return False
    tried = subprocess.run(["perf", "stat", "-e", "syscalls:sys_enter_fsync", "true"], capture_output=True, text=True)
    return tried.returncode == 0 and "not supported" not in tried.stderr


class Syncs:
    count = None
    how = ""


@contextlib.contextmanager
def counting(pids):
    """Yields an object whose `count` is set at the end."""
    syncs = Syncs()
    targets = [str(pid) for pid in pids]
    if _perf_counts():
        syncs.how = "perf stat"
        command = ["perf", "stat", "-x", ",", "-e", "syscalls:sys_enter_fsync,syscalls:sys_enter_fdatasync", "-p",
                   ",".join(targets)]
    else:
        syncs.how = "strace"
        command = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync"]
        for pid in targets:
            command += ["-p", pid]
    watcher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    try:
        yield syncs
    finally:
        watcher.send_signal(signal.SIGINT)
        _, text = watcher.communicate(timeout=60)
        if syncs.how == "perf stat":
            found = re.findall(r"^(\d+),,syscalls:sys_enter_f(?:data)?sync", text, re.MULTILINE)
        else:
            found = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?f(?:data)?sync$", text, re.MULTILINE)
        syncs.count = sum(int(number) for number in found)
