import createClient from "openapi-fetch";
import { address, base } from "../base";
import { offline, Problem } from "./problem";
import type { paths } from "./schema";
import { currentToken } from "./token";

/** Called when an answer says that nobody is logged in any more. */
let onLoggedOut: () => void = () => undefined;

export function whenLoggedOut(act: () => void): void {
  onLoggedOut = act;
}

/** Called when the network did not carry a request. */
let onOffline: () => void = () => undefined;

export function whenOffline(act: () => void): void {
  onOffline = act;
}

export const api = createClient<paths>({
  baseUrl: base,
  credentials: "same-origin",
  // Looked up for each call, so that tests may replace it.
  fetch: (request) => globalThis.fetch(request),
});

api.use({
  onRequest({ request }) {
    const token = currentToken();
    if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

/** Posts to a route of a plugin, which the app's own description does not have. Throws a Problem. */
export function post<T>(path: string, body: unknown): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Reads from a route of a plugin, as `post` posts to one. */
export function get<T>(path: string): Promise<T> {
  return call(path, { headers: {} });
}

function call<T>(path: string, how: RequestInit & { headers: Record<string, string> }): Promise<T> {
  const token = currentToken();
  const headers = { ...how.headers, ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
  const request = fetch(address(path), { ...how, headers, credentials: "same-origin" });
  return ask(
    request.then(async (response) => {
      const found: unknown = await response.json().catch(() => undefined);
      return { response, ...(response.ok ? { data: found as T } : { error: found }) };
    }),
  );
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns what a call answered. Throws a Problem. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    onOffline();
    throw offline();
  }
  if (answer.response.ok) return answer.data as T;
  const body = typeof answer.error === "object" && answer.error !== null ? answer.error : {};
  const problem = new Problem(answer.response.status, body as Record<string, unknown>);
  if (problem.code === "not_authenticated" && !answer.response.url.endsWith("/api/auth/login")) onLoggedOut();
  throw problem;
}
