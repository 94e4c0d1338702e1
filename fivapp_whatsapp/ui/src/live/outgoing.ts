/**
 * What was written here and is on its way: each has its Idempotency-Key from the first paint on. The stored message
 * names that key too, and it is the key of the row: so one row shows it whatever comes first, the answer, the frame or a
 * second try, and whatever plugins made of the text.
 */
import { watched } from "../lib/external";
import type { Problem } from "../api/problem";
import type { Message, SendMessage } from "../api/types";

export interface Local {
  key: string;
  conversationId: string;
  text: string;
  quoted: Message | null;
  media: SendMessage["media"];
  kind: Message["kind"];
  at: string;
  state: "sending" | "waiting" | "failed";
  code?: string;
  detail?: string;
}

/** Messages that are not known to the gateway yet, oldest first. */
export const locals = watched<readonly Local[]>([]);

export function add(local: Local): void {
  locals.set((all) => [...all, local]);
}

export function remove(key: string): void {
  locals.set((all) => (all.some((one) => one.key === key) ? all.filter((one) => one.key !== key) : all));
}

export function mark(key: string, state: Local["state"], problem?: Problem): void {
  locals.set((all) =>
    all.map((one) =>
      one.key === key
        ? { ...one, state, ...(problem ? { code: problem.reason ?? problem.code, detail: problem.message } : {}) }
        : one,
    ),
  );
}

export function get(key: string): Local | undefined {
  return locals.get().find((one) => one.key === key);
}

/** Forgets everything: at log-out. */
export function clear(): void {
  locals.set([]);
}
