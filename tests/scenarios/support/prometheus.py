"""Prometheus as Debian has it, scraping what it is told to."""

import json
import urllib.error
import urllib.parse
import urllib.request

from . import processes


class Prometheus:
    name = "prometheus"

    def __init__(self, folder, targets):
        self.folder = folder / "prometheus"
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.port = processes.free_port()
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(processes.ROOT / "contrib/prometheus/essaim.rules.yml")],
            "scrape_configs": [{"job_name": "essaim", "static_configs": [{"targets": targets}]}],
        }))
        self.process = processes.Process("prometheus", [
            "prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}"], self.log)

    def ready(self):
        """It listens, and answers 503, before it has read its log."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=120):
                return True
        except OSError:
            return False

    def ask(self, path, **parameters):
        """The data of its HTTP API; an error is its text."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=120) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def wait_for(self, expression, value, timeout=processes.PATIENCE):
        def there():
            assert self.process.running(), self.process.output()[-2000:]
            result = self.ready() and self.query(expression)
            return result and float(result[0]["value"][1]) == value

        processes.wait_for(f"{expression} to be {value}", there, timeout, every=0.2)

    def stop(self):
        self.process.stop()
