/**
 * What was written here and is on its way: each has its Idempotency-Key from the first paint on, which is also the key
 * of its row, so that one row shows it whatever comes first: the answer, the frame, or a second try.
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

const rowKeys = new Map<string, string>();
const KEYS_KEPT = 2000;

/** Returns the key of a message's row: that of the row which showed it before it had an id. */
export function rowKey(messageId: string): string {
  return rowKeys.get(messageId) ?? messageId;
}

/** Lets the row of a local message show a stored one from now on. */
export function link(key: string, messageId: string): void {
  rowKeys.set(messageId, key);
  if (rowKeys.size > KEYS_KEPT) rowKeys.delete(rowKeys.keys().next().value as string);
  remove(key);
}

/** Lets the row of a message show the one that was sent in its stead. */
export function replaceRow(oldId: string, newId: string): void {
  rowKeys.set(newId, rowKey(oldId));
}

/** Links a message of ours that a frame tells of, before its request was answered; whether there was one. */
export function recognize(message: Message, userId: string): boolean {
  if (message.direction !== "outgoing" || message.author.kind !== "agent" || message.author.id !== userId) return false;
  if (rowKeys.has(message.id)) return false;
  const local = locals
    .get()
    .find(
      (one) =>
        one.conversationId === message.conversationId &&
        one.state !== "failed" &&
        one.text === (message.text ?? "") &&
        (one.quoted?.id ?? null) === (message.quotedMessageId ?? null) &&
        (one.media?.url ?? null) === (message.media?.url ?? null),
    );
  if (local === undefined) return false;
  link(local.key, message.id);
  return true;
}

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
  rowKeys.clear();
}
