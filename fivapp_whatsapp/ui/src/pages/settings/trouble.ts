import type { Session } from "../../api/types";
import type { Key } from "../../i18n";

/** A sentence that says what is wrong and what to do next; `detail` is what was heard, where the sentence is not all. */
export interface Trouble {
  key: Key;
  words: Record<string, string>;
  detail: string | null;
}

// What the gateway itself says of a session that is connected and does not work; the rest are the service's own words.
const KNOWN: readonly (readonly [RegExp, Key])[] = [
  [/has not answered its sends since (?<since>.+)\.$/, "trouble.sends"],
  [/Nothing came back by webhook for what was sent since (?<since>.+)\.$/, "trouble.silence"],
  [/No webhook came since (?<since>.+)\.$/, "trouble.quiet"],
  [/refuses our key/, "trouble.key"],
  [/cannot be read/, "trouble.unreadable"],
  [/^qr_timeout$/, "trouble.qr_timeout"],
  [/^logged_out(_on_phone)?$/, "trouble.logged_out"],
];
const STATUSES = ["logged_out", "failed", "restricted", "reconnecting", "unknown"];

/** Returns what is wrong with a session; null when nothing is. */
export function troubleOf(session: Session): Trouble | null {
  const error = session.error ?? null;
  for (const [form, key] of KNOWN) {
    const found = error === null ? null : form.exec(error);
    if (found !== null && session.desired === "running")
      return { key, words: { since: found.groups?.since ?? "" }, detail: null };
  }
  const key = keyOf(session);
  return key === null ? null : { key, words: {}, detail: error };
}

function keyOf(session: Session): Key | null {
  if (session.desired === "stopped") return "trouble.disconnected";
  if (session.problem != null) return `trouble.${session.problem}`;
  const status = session.status ?? "unknown";
  if (status === "disconnected") return "trouble.disconnected";
  return STATUSES.includes(status) ? (`trouble.${status}` as Key) : null;
}
