import type { Key } from "../i18n";
import { LIMITS } from "./media";

/** What to do about a message that did not go out: one thing, by the code of what went wrong. */
export type Remedy = "retry" | "edit" | "reconnect" | "checkNumber" | "keep";

const REMEDIES: Readonly<Record<string, Remedy>> = {
  not_on_whatsapp: "checkNumber",
  to_mismatch: "checkNumber",
  invalid_address: "checkNumber",
  // The same again would be refused again.
  too_large: "edit",
  capability_missing: "edit",
  message_held: "edit",
  // Only a template could go now, and none is sent by us: the text waits as a draft until the customer writes.
  window_closed: "keep",
  session_not_connected: "reconnect",
  connector_not_connected: "reconnect",
  connector_restricted: "reconnect",
  no_session: "reconnect",
  logged_out: "reconnect",
};

/** Returns what to do; only who may connect numbers is sent to do so. */
export function remedyOf(code: string | undefined, admin: boolean): Remedy {
  const found = REMEDIES[code ?? ""] ?? "retry";
  return found === "reconnect" && !admin ? "retry" : found;
}

export const REMEDY_WORDS: Readonly<Record<Remedy, Key>> = {
  retry: "message.retry",
  edit: "message.edit",
  reconnect: "error.reconnect",
  checkNumber: "error.checkNumber",
  keep: "message.keepDraft",
};

/** Returns how large a file of a kind may be, in bytes; undefined for what is no file. */
export function limitOf(kind: string): number | undefined {
  return (LIMITS as Readonly<Record<string, number>>)[kind];
}
