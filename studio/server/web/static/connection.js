// Whether the studio still answers. While it does not, the page says so; once it does again, the page is loaded anew.

import { make } from "./make.js";
import { UNREACHABLE } from "./server.js";

const EVERY = 3000;
const ADVICE = "Start it again with: studio app. This page then goes on by itself, and what you filled in is kept.";

/** Ask for a small file that needs no work; a proxy answers 502 or 504 for a server that is gone. */
const answers = () => fetch("studio/icon.svg", { cache: "no-store" }).then(({ status }) => status < 500, () => false);

/** Look after the connection for as long as the page is open. */
export function keepInTouch() {
  let lost = false;
  setInterval(async () => {
    if (document.hidden && !lost) return;
    const there = await answers();
    if (there && lost) location.reload();
    if (!there && !lost) document.body.append(make("p", { id: "lost", role: "alert" }, `${UNREACHABLE} ${ADVICE}`));
    lost = !there;
  }, EVERY);
}
