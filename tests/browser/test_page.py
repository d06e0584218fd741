"""The page of a report in a real browser: no complaint, no request, a click, the switches, zoom, dark, narrow, no script,
hostile texts. SPECBENCH is the program, SPECBENCH_HOME its files. Exit status 77: skipped."""

import os
import subprocess
import sys
import tempfile
import unittest

import browser

HOME = os.environ["SPECBENCH_HOME"]
PROGRAM = os.environ["SPECBENCH"]

ROUND = """
local bench = require "specbench"
local data = require "specbench.dataset"
return bench.round {
  name = "grid",
  axes = { { "method", { "none", "draft" } }, { "k", { 1, 3 }, when = function(c) return c.method ~= "none" end },
    { "concurrency", { 1, 4, 64 } } },
  baseline = { method = "none" },
  server = function(c)
    local draft = c.method == "draft" and "qwen2.5-0.5b" or nil
    return { model = "qwen2.5-7b", method = c.method, k = c.k, draft = draft }
  end,
  workload = function(c)
    return { prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 16, seed = c.seed }),
      limits = function() return { max_tokens = 32 } end }
  end,
}
"""

FIRST = "a.c[data-n='4']"  # draft, k = 1, alone


def specbench(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError("%s: %s%s" % (arguments, done.stdout, done.stderr))


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        base = cls.folder.name
        with open(base + "/grid.lua", "w", encoding="utf-8") as out:
            out.write(ROUND)
        specbench("run", base + "/grid.lua", "--virtual", "--no-pictures", "--repeats", "3", "--out", base + "/results")
        specbench("report", base + "/results", "--no-pictures", "--html")
        specbench(HOME + "/tests/browser/hostile.lua", base + "/results", base + "/hostile.html")
        cls.url = "file://" + base + "/results/report.html"
        cls.browser = browser.Browser(browser.find()[0])
        cls.browser.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__(None, None, None)
        cls.folder.cleanup()

    def open(self, url=None, **options):
        page = self.browser.open(url or self.url, **options)
        self.addCleanup(lambda: self.assertEqual([], page.complaints))
        return page

    def test_asks_for_nothing_but_itself(self):
        page = self.open()
        page.evaluate("new Promise(function (done) { setTimeout(done, 200) })")
        self.assertEqual([self.url], page.requests)

    def test_a_click_on_a_cell_opens_its_details(self):
        page = self.open()
        self.assertTrue(page.evaluate("document.getElementById('details').hidden"))
        page.click(FIRST)
        self.assertFalse(page.evaluate("document.getElementById('details').hidden"))
        text = page.evaluate("document.getElementById('details').innerText")
        self.assertIn("method=draft k=1 concurrency=1", text)
        self.assertIn("TTFT p50 ms", text)
        self.assertIn("server 2", text)
        page.click("#details .close")
        self.assertTrue(page.evaluate("document.getElementById('details').hidden"))

    def test_a_link_to_a_row_opens_what_it_lies_in(self):
        page = self.open(self.url + "#p5")
        self.assertTrue(page.evaluate("document.getElementById('p5').closest('details').open"))
        self.assertIn("k=1 concurrency=4", page.evaluate("document.getElementById('details').innerText"))

    def test_switches_change_what_maps_show(self):
        page = self.open()
        shown = "document.querySelector(\"%s text\").textContent" % FIRST
        choose = ("(function(){var s=document.getElementById('%s');s.value='%s';"
                  "s.dispatchEvent(new Event('change'))})()")
        colour = "getComputedStyle(document.querySelector(\"%s rect\")).fill" % FIRST
        paired, was = page.evaluate(shown), page.evaluate(colour)
        page.evaluate(choose % ("figure", "decode"))
        self.assertNotEqual(paired, page.evaluate(shown))
        visible = ("Array.prototype.filter.call(document.querySelectorAll('#load g.d-%s'),"
                   "function(g){return getComputedStyle(g).display!=='none'}).length")
        self.assertEqual(0, page.evaluate(visible % "paired"))
        self.assertLess(0, page.evaluate(visible % "decode"))
        page.evaluate(choose % ("figure", "paired"))
        self.assertEqual([paired, was], [page.evaluate(shown), page.evaluate(colour)])
        page.evaluate(choose % ("palette", "blueorange"))
        self.assertNotEqual(was, page.evaluate(colour))

    def test_series_can_be_zoomed_where_the_library_is_there(self):
        page = self.open()
        if not os.path.exists("/usr/share/javascript/dygraphs/dygraph.min.js"):
            if os.environ.get("CI"):
                self.fail("libjs-dygraphs is missing")
            self.skipTest("libjs-dygraphs is not installed")
        for section in ("pareto", "distributions"):
            page.click("#%s figure.zoomable button" % section)
            self.assertLess(0, page.evaluate("document.querySelectorAll('#%s .chart canvas').length" % section))

    def test_the_wheel_zooms_a_waterfall(self):
        page = self.open()
        page.evaluate("document.querySelector('details[open]>.stretch svg.times').scrollIntoView({block: 'center'})")
        box = page.evaluate("(function(){var b=document.querySelector('details[open]>.stretch svg.times').getBoundingClientRect();"
                            "return [b.x+b.width/2,b.y+b.height/2]})()")
        before = page.evaluate("document.querySelector('details[open]>.stretch svg.times').getAttribute('viewBox')")
        page.call("Input.dispatchMouseEvent", type="mouseWheel", x=box[0], y=box[1], deltaX=0, deltaY=-200)
        after = page.evaluate("document.querySelector('details[open]>.stretch svg.times').getAttribute('viewBox')")
        self.assertLess(float(after.split()[2]), float(before.split()[2]))

    def test_dark_where_the_reader_wants_it(self):
        ground = "getComputedStyle(document.body).backgroundColor"
        self.assertEqual("rgb(255, 255, 255)", self.open().evaluate(ground))
        self.assertEqual("rgb(22, 23, 26)", self.open(dark=True).evaluate(ground))

    def test_a_narrow_window_scrolls_downwards_only(self):
        page = self.open(width=360, height=640)
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 360)
        page.click(FIRST)
        self.assertLessEqual(page.evaluate("document.getElementById('details').getBoundingClientRect().right"), 360)

    def test_no_table_scrolls_sideways_in_a_window_of_usual_width(self):
        page = self.open(width=1280, height=800)
        page.evaluate("document.querySelectorAll('details').forEach(function(d){d.open=true})")
        self.assertEqual([], page.evaluate(
            "Array.prototype.filter.call(document.querySelectorAll('.wide'),function(w){return w.scrollWidth>w.clientWidth})"
            ".map(function(w){return w.closest('section').id})"))

    def test_everything_is_there_without_script(self):
        page = self.open(scripts=False)
        tree = page.call("DOM.getDocument", depth=-1)
        text = str(tree)
        for word in ("Does speculation pay?", "output tok/s", "method=draft k=3 concurrency=64"):
            self.assertIn(word, text)
        shown = page.call("Page.getLayoutMetrics")["cssContentSize"]["height"]
        self.assertLess(2000, shown)

    def test_reads_itself_anew_while_its_sweep_runs(self):
        path = self.folder.name + "/live.html"

        def write(progress):
            specbench("-e", "local store, study = require 'specbench.results.store', require 'specbench.analysis.study' "
                      "local page = require 'specbench.page' "
                      "assert(require('sb.fs').write('%s', page.html(study.of(assert(store.open '%s/results')), "
                      "{ reload = 1, progress = '%s' })))" % (path, self.folder.name, progress))

        write("1 of 9 cells")
        page = self.open("file://" + path)
        self.assertIn("Being measured: 1 of 9 cells", page.evaluate("document.body.innerText"))
        page.evaluate("(function(){var s=document.getElementById('palette');s.value='blueorange';"
                      "s.dispatchEvent(new Event('change'))})()")
        write("2 of 9 cells")
        for _ in range(2):  # it may have been about to load what there was before
            page.loaded = False
            page.wait()
        self.assertIn("2 of 9 cells", page.evaluate("document.body.innerText"))
        self.assertEqual("blueorange", page.evaluate("document.getElementById('palette').value"))
        self.assertEqual("blueorange", page.evaluate("document.documentElement.dataset.palette"))
        self.assertEqual({"file://" + path}, set(page.requests))

    def test_hostile_texts_stay_texts(self):
        url = "file://" + self.folder.name + "/hostile.html"
        page = self.open(url)
        self.assertIsNone(page.evaluate("window.pwned === undefined ? null : window.pwned"))
        self.assertEqual([url], page.requests)
        page.click("a.c")
        page.evaluate("document.querySelectorAll('details').forEach(function(d){d.open=true})")
        page.evaluate("document.querySelectorAll('figure.zoomable button').forEach(function(b){b.click()})")
        page.click("tr[data-n]")
        page.evaluate("new Promise(function (done) { setTimeout(done, 200) })")
        self.assertIsNone(page.evaluate("window.pwned === undefined ? null : window.pwned"))
        self.assertEqual([url], page.requests)
        self.assertEqual(0, page.evaluate("document.querySelectorAll('iframe,img,object,embed').length"))
        self.assertIn("<script>window.pwned = 1</script>", page.evaluate("document.body.innerText"))


if __name__ == "__main__":
    why = browser.find()[1]
    if why and os.environ.get("CI") and "snap" not in why:
        sys.exit("CI: " + why)
    if why:
        print("skipped: " + why)
        sys.exit(77)
    unittest.main(verbosity=2)
