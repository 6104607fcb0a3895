// Watches the connection: shows a message while the server does not respond, and reloads the page when it does again.

import { make } from "./dom.js";
import { UNREACHABLE } from "./server.js";

const EVERY = 3000;
const ADVICE = "Start it again with: studio app. This page then continues by itself, and what you entered is kept.";

/** Request a small file; a proxy responds with 502 or 504 if the server is gone. */
const answers = () => fetch("studio/icon.svg", { cache: "no-store" }).then(({ status }) => status < 500, () => false);

/** Watch the connection as long as the page is open. */
export function watchConnection() {
  let lost = false;
  setInterval(async () => {
    if (document.hidden && !lost) return;
    const there = await answers();
    if (there && lost) location.reload();
    if (!there && !lost) document.body.append(make("p", { id: "lost", role: "alert" }, `${UNREACHABLE} ${ADVICE}`));
    lost = !there;
  }, EVERY);
}
