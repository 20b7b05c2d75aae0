"""What all contenders have in common."""

import abc

from . import meter


class Contender(abc.ABC):
    """A running server that distributes posts to members. Made in a folder of its own; `port` takes mail on 127.0.0.1."""

    name = ""
    port = 0

    def __init__(self):
        self.group = meter.Group(self.name)

    @abc.abstractmethod
    def post(self, folder, posts, size):
        """Sends posts to the list by one session and gives the Posting, when all are acknowledged."""

    @abc.abstractmethod
    def idle(self):
        """Has it finished its own work for what was delivered?"""

    @abc.abstractmethod
    def pids(self):
        """The processes to be watched for system calls; those that they start belong to them."""

    def resident_peak_mb(self):
        return None

    def counters(self):
        """Statements and commits so far, where there are any."""
        return None

    @abc.abstractmethod
    def _end(self):
        pass

    def stop(self):
        self._end()
        self.group.close()
