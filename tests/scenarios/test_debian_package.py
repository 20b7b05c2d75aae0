"""The Debian package: what is in it, and an installation and an upgrade in a root directory of its own. Takes a build, so it
is one of the long tests."""

import pathlib
import re
import shutil
import subprocess
import unittest

from support import processes


def run(*command, check=True):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=3000)
    if check and result.returncode != 0:
        raise AssertionError(f"{command}: {result.returncode}\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result


def build(version):
    return pathlib.Path(run(processes.ROOT / "contrib" / "deb", version).stdout.split()[-1])


class DebianPackage(processes.Scenario):
    def install(self, root, package):
        # Its dependencies are those of the machine, and its scripts work on the root directory they are told.
        run("dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless", "--force-confold", "--install", package)

    def look_at_documents(self, contents):
        """What they name is there, under that name: not compressed, where a program or a link reads it."""
        texts = [processes.ROOT / "README.md", *(processes.ROOT / "docs").glob("*.md")]
        named = {path for text in texts for path in re.findall(r"/usr/share/doc/[\w./-]*\w", text.read_text())}
        self.assertIn("/usr/share/doc/essaim/prometheus/essaim.rules.yml", named)
        for path in named:
            self.assertIn("." + path, contents)
        for text in texts:
            place = text.relative_to(processes.ROOT)
            self.assertIn(f"./usr/share/doc/essaim/{place}", contents)
            for link in re.findall(r"\]\((docs/[\w-]+\.md|[\w-]+\.md)\)", text.read_text()):
                self.assertIn(f"./usr/share/doc/essaim/{place.parent / link}", contents)

    def test_it_installs_lacks_only_what_the_administrator_knows_and_keeps_the_configuration_at_an_upgrade(self):
        first, second = build("0.0.1+test"), build("0.0.2+test")
        fields = run("dpkg-deb", "--field", second).stdout
        self.assertRegex(fields, r"(?m)^Package: essaim$")
        self.assertRegex(fields, r"(?m)^Depends: .*libevent-core-2\.1-7.*")
        for library in ("libc6", "libssl3", "libsqlite3-0", "libunbound8", "libzstd1", "libidn2-0"):
            self.assertIn(library, fields)
        contents = {line.split()[5].rstrip("/") for line in run("dpkg-deb", "--contents", second).stdout.splitlines()}
        for path in ("./usr/sbin/essaim", "./usr/share/man/man1/essaim.1.gz", "./usr/share/man/man5/essaim.toml.5.gz",
                     "./usr/share/bash-completion/completions/essaim", "./usr/share/zsh/vendor-completions/_essaim",
                     "./etc/essaim/essaim.toml", "./usr/lib/sysusers.d/essaim.conf", "./usr/lib/tmpfiles.d/essaim.conf",
                     "./usr/share/doc/essaim/README.Debian", "./usr/share/doc/essaim/copyright",
                     "./usr/share/doc/essaim/examples/from-sympa", "./usr/share/doc/essaim/examples/from-mailman",
                     "./usr/share/doc/essaim/examples/list_text.py", "./usr/share/doc/essaim/examples/haproxy/haproxy.cfg"):
            self.assertIn(path, contents)
        self.look_at_documents(contents)
        units = [path.name for path in (processes.ROOT / "contrib" / "systemd").glob("essaim*.*")]
        for unit in units:
            self.assertTrue({f"./{place}/systemd/system/{unit}" for place in ("lib", "usr/lib")} & contents, unit)
        # At an upgrade the server is restarted once, behind the installation; what holds its port is left alone.
        control = self.folder / "control"
        run("dpkg-deb", "--control", second, control)
        invoked = {script: re.findall(r"deb-systemd-invoke (\S+) (.*?) *(?:>|\|)", (control / script).read_text())
                   for script in ("preinst", "prerm", "postinst", "postrm") if (control / script).exists()}
        self.assertEqual([("try-restart", "'essaim.service'")], invoked["postinst"])
        self.assertEqual([], invoked.get("preinst", []) + invoked["postrm"])
        self.assertEqual([("stop", "essaim.socket essaim-backup.timer essaim.service")], invoked["prerm"])
        self.assertIn('[ "$1" = remove ] &&', (control / "prerm").read_text())

        root = self.folder / "root"
        for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc", "usr/bin"):
            (root / name).mkdir(parents=True)
        for name in ("status", "available"):
            (root / "var/lib/dpkg" / name).touch()
        for name in ("passwd", "group"):
            shutil.copy(f"/etc/{name}", root / "etc" / name)
        self.install(root, first)
        self.assertRegex((root / "etc/passwd").read_text(), r"(?m)^essaim:")
        program, config = root / "usr/sbin/essaim", root / "etc/essaim/essaim.toml"
        self.assertRegex(run(program, "--version").stdout, r"\d+\.\d+\.\d+")
        unfinished = run(program, "config", "check", "--config", config, check=False)
        self.assertNotEqual(0, unfinished.returncode)
        self.assertIn("hostname", unfinished.stdout + unfinished.stderr)
        text = re.sub(r"(?m)^# (hostname|postmaster) = ", r"\1 = ", config.read_text())
        config.write_text(text.replace("mx1.lists.example.org", "mx7.lists.example.org")
                          .replace('user = "essaim"', 'user = "nobody"'))  # that user is known in the root directory only
        run(program, "config", "check", "--config", config)
        mine = config.read_text()
        self.install(root, second)
        self.assertEqual(mine, config.read_text(), "an upgrade keeps what was edited")
        status = run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat=${Version} ${Status}", "essaim").stdout
        self.assertEqual("0.0.2+test install ok installed", status)


if __name__ == "__main__":
    unittest.main()
