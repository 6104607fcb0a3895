"""The web app: a page for each workflow.

The forms are Gradio components, made from the same controls as the notebook and the commands. The stage beside them
(live preview, results, queue) is a small client of the HTTP API in ``static/``. Runs live on the server, so closing the
tab or reloading the page changes nothing.
"""

from studio.server.web.page import mount as mount
