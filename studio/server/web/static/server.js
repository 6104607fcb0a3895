// The client of the HTTP API. Every URL is relative to the page's own, which contains its key.

/** A URL of the API ("/api/…"), relative to the page. */
export const here = (address) => address.replace(/^\//, "");

/** Send a request; throws an Error with the server's message. */
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

/** Whether the server responds. */
export const reached = () => ask("jobs?most=1").then(() => true, (error) => error.message !== UNREACHABLE);

export const UNREACHABLE = "Can't reach the studio. Is it still running?";

/** Listen to a job's events until it is over; returns a function that stops listening. */
export function follow(id, callback) {
  const source = new EventSource(`api/jobs/${id}/events`);
  for (const name of ["queued", "stalled", "loading", "step", "preview", "made", ...ENDS]) {
    source.addEventListener(name, (event) => {
      if (ENDS.includes(name)) source.close();
      callback(name, JSON.parse(event.data));
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
