// The HTTP API as the page uses it. Every address is relative to the page's own, which holds its key.

/** An address that the API told ("/api/…"), from the page's own. */
export const here = (address) => address.replace(/^\//, "");

/** Ask the server; throws an Error with the words it answers with. */
export async function ask(path, method = "GET", body = undefined) {
  const answer = await fetch(`api/${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  }).catch(() => {
    throw new Error(UNREACHABLE);
  });
  if (!answer.ok) throw new Error(await answer.json().then(({ detail }) => detail, () => "The studio could not do that."));
  return answer.status === 204 ? null : answer.json();
}

/** Whether the studio answers. */
export const reached = () => ask("jobs?most=1").then(() => true, (error) => error.message !== UNREACHABLE);

export const UNREACHABLE = "Can't reach the studio. Is it still running?";

/** Hear a job's events until it is over; returns how to stop listening. */
export function follow(id, hear) {
  const source = new EventSource(`api/jobs/${id}/events`);
  for (const name of ["queued", "stalled", "loading", "step", "preview", "made", ...ENDS]) {
    source.addEventListener(name, (event) => {
      if (ENDS.includes(name)) source.close();
      hear(name, JSON.parse(event.data));
    });
  }
  return () => source.close();
}

export const ENDS = ["done", "failed", "cancelled", "interrupted", "unreadable"];

/** A file's bytes as base64. */
export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
