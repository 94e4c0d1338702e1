import type { Message } from "../../../api/types";

/** How long a message must be in view before it counts as read, in ms. */
export const READ_AFTER = 1_000;

/** Which messages are in view, each with the time since when, in ms since 1970. */
export type InView = ReadonlyMap<string, number>;

/** Returns what is in view now: what stayed keeps its time, so that one which comes below does not start it anew. */
export function look(before: InView, ids: readonly string[], now: number): InView {
  return new Map(ids.map((id) => [id, before.get(id) ?? now]));
}

/** Returns the messages that were in view for long enough, and in how many ms the next one will be. */
export function ripe(inView: InView, now: number): { ids: readonly string[]; next: number | null } {
  const waits = [...inView].map(([id, since]) => [id, READ_AFTER - (now - since)] as const);
  const left = waits.flatMap(([, wait]) => (wait > 0 ? [wait] : []));
  return {
    ids: waits.flatMap(([id, wait]) => (wait <= 0 ? [id] : [])),
    next: left.length === 0 ? null : Math.min(...left),
  };
}

/**
 * Returns up to which message to read: the newest of those seen. Null where that stands before one of the marks, what
 * is read or asked for already: scrolling up makes nothing unread. `messages` are oldest first; a mark that is not
 * among them is older than all.
 */
export function nextRead(
  messages: readonly Message[],
  marks: readonly (string | null)[],
  seen: readonly string[],
): string | null {
  const newest = (ids: readonly (string | null)[]) => messages.findLastIndex((message) => ids.includes(message.id));
  const place = newest(seen);
  return place > newest(marks) ? (messages[place]?.id ?? null) : null;
}
