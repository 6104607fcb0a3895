"""The web app: every workflow a page, drawn with Gradio from the same controls as the other surfaces.

The forms are Gradio's; the stage beside them (live preview, results, queue) is a small client of the
HTTP API in ``static/``. Neither holds a run: closing the tab or reloading the page changes nothing.
"""

from studio.server.web.page import mount as mount
