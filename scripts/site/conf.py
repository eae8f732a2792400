"""Sphinx: the pages as they are, CommonMark with GitHub's anchors. Run by scripts/site.sh."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "source"))
import links  # noqa: E402  (GitHub's rule for anchors has one place)

project = "Halfmoon"
extensions = ["myst_parser"]
root_doc = "index"
html_theme = "furo"
html_title = "Halfmoon"
html_copy_source = False
html_show_sphinx = False
highlight_language = "none"
myst_heading_anchors = 4
myst_heading_slug_func = links.anchor
