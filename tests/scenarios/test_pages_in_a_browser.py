"""Pages as people see them: Chromium opens links and presses the button, with the mouse and with the keyboard, narrow and enlarged, and
axe-core judges each page. ESSAIM_SCREENSHOTS=FOLDER keeps what was seen."""

import os
import pathlib
import re
import unittest

import test_one_click
from support import browser, essaim, processes

TAB, ENTER = "\ue004", "\ue007"
SIZES = {"wide": (1280, 800, 1), "zoomed": (640, 400, 2), "narrow": (320, 640, 2)}


class Pages(test_one_click.OneClick):
    def look(self, window, name):
        """At every size: nothing is cut off, nothing is wrong."""
        for size, metrics in SIZES.items():
            window.window(*metrics)
            with self.subTest(page=name, size=size):
                self.assertEqual([], window.axe())
                width, inner = window.script("return [document.documentElement.scrollWidth, window.innerWidth]")
                self.assertLessEqual(width, inner, "it must not scroll sideways")
                for box in window.script(
                        "return [...document.querySelectorAll('button, a')].map(e => { const r = e.getBoundingClientRect(); return [r.width, r.height, e.tagName] })"):
                    if box[2] == "BUTTON":
                        self.assertGreaterEqual(min(box[:2]), 44, "large enough to be hit")
                if folder := os.environ.get("ESSAIM_SCREENSHOTS"):
                    window.screenshot(pathlib.Path(folder) / f"{name}-{size}.png")
        window.window(*SIZES["wide"])

    def test_people_leave_by_mouse_and_keyboard_in_english_and_french(self):
        self.serve()
        links = self.links()
        window = self.started(browser.Browser(self.folder))
        window.open(self.url(links["ann@a.example"]))
        self.assertEqual("Leave the list dev@lists.example?", window.heading())
        self.assertEqual("rgb(20, 80, 122)", window.script("return getComputedStyle(document.querySelector('button')).backgroundColor"), "the style is there")
        self.look(window, "ask")
        self.assertIn("ann@a.example", self.members())
        window.click("button")
        processes.wait_for("the answer", lambda: window.heading() == "You have left dev@lists.example")
        self.assertNotIn("ann@a.example", self.members())
        self.look(window, "left")
        window.open(self.url(links["ann@a.example"]))
        self.assertEqual("You are no member of dev@lists.example", window.heading())
        self.look(window, "no-member")
        window.open(self.url("/unsubscribe/0nonsense"))
        self.look(window, "wrong")
        self.essaim.run("leave-key", "rotate")
        self.essaim.run("leave-key", "retire", "0")
        window.open(self.url(links["bob@b.example"]))
        self.assertEqual("This link is not good any more", window.heading())
        self.look(window, "retired")
        self.assertIn("bob@b.example", self.members())

    def test_the_keyboard_alone_will_do_in_french(self):
        self.serve()
        links = self.links()
        window = self.started(browser.Browser(self.folder, "fr-FR,fr"))
        window.open(self.url(links["cyd@c.example"]))
        self.assertEqual("Quitter la liste dev@lists.example\u00a0?", window.heading())
        self.assertEqual("fr", window.script("return document.documentElement.lang"))
        self.look(window, "demander")
        window.press_keys(TAB)
        self.assertEqual("BUTTON", window.script("return document.activeElement.tagName"))
        window.press_keys(ENTER)
        processes.wait_for("the answer", lambda: window.heading() == "Vous avez quitté dev@lists.example")
        self.assertNotIn("cyd@c.example", self.members())

    def test_a_moderator_reads_chooses_who_they_are_and_refuses_with_a_reason(self):
        self.serve(settings={"send": "editorkey", "tell_held": "false"})
        self.essaim.run("member", "add", test_one_click.LIST, "--role", "editor", "eve@e.example", "ed@e.example")
        text = "A long line that is broken where it has to be: " + "honey" * 60 + "\n\n  and <b>more</b>\n"
        reply = self.essaim.post("x@y.example", test_one_click.LIST, essaim.message("x@y.example", test_one_click.LIST, body=text))
        self.assertEqual(250, reply[0], reply)
        letter = self.sink.message_bytes(self.sink.wait_for(2)[0]).decode()
        path = re.search(rf"{test_one_click.PUBLIC}(/held/\w+)", letter).group(1)
        window = self.started(browser.Browser(self.folder))
        window.open(self.url(path))
        self.assertEqual(f"A message to {test_one_click.LIST} waits for a moderator", window.heading())
        self.look(window, "moderate")
        # Without saying who it is the browser posts nothing.
        window.click("button[value=reject]")
        self.assertEqual("waits", self.essaim.json("held", "list")[0]["state"])
        window.script("document.querySelector('select').value = 'ed@e.example'; document.querySelector('textarea').value = 'too sweet'; return 0")
        window.click("button[value=reject]")
        processes.wait_for("the answer", lambda: window.heading() == "Done")
        self.look(window, "refused")
        held = self.essaim.json("held", "list", "--all")[0]
        self.assertEqual(("rejected", "ed@e.example", "too sweet"), (held["state"], held["decided_by"], held["reason"]))
        window.open(self.url(path))
        self.look(window, "answered")

        # Several with one press, by the keyboard: a box is ticked with the space bar.
        for number in range(3):
            self.essaim.post("x@y.example", test_one_click.LIST, essaim.message("x@y.example", test_one_click.LIST, f"Post {number}", body=text))
        held = self.essaim.json("held", "list")
        self.assertEqual(3, len(held))
        letter = processes.wait_for("the letter", lambda: next(
            (m for m in (self.sink.message_bytes(r).decode() for r in self.sink.receipts()) if "Post 0" in m), None))
        window.open(self.url(re.search(rf"{test_one_click.PUBLIC}(/held/\w+)", letter).group(1)))
        self.look(window, "moderate-several")
        window.press_keys(TAB + " ")
        window.script("document.querySelector('select').value = 'eve@e.example'; return 0")
        window.click("button[value=approve]")
        processes.wait_for("the answer", lambda: window.heading() == "Done")
        self.look(window, "several-done")
        self.assertEqual([], self.essaim.json("held", "list"))


def load_tests(loader, _tests, _pattern):
    """Those of this file alone, without what Pages inherits."""
    return unittest.TestSuite(Pages(name) for name in loader.getTestCaseNames(Pages) if name in vars(Pages))


if __name__ == "__main__":
    unittest.main()
