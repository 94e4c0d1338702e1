/** When a QR code ends: WhatsApp's first one of an attempt lives a minute, each further one twenty seconds. */
const FIRST = 60_000;
const NEXT = 20_000;
/** So long after its end a code that was not renewed is one that nobody renews any more. */
const GRACE = 20_000;

/** A code as it was seen here; times are in ms since 1970. */
export interface SeenCode {
  /** When this very code was first seen. */
  seenAt: number;
  /** When the attempt to connect began, if this may be its first code; null for one that took another's place. */
  begunAt: number | null;
}

/** Returns the code as it is known now: one that is asked for again and is the same is not younger. */
export function codeSeen(
  before: (SeenCode & { qrCode: string | null }) | null,
  qrCode: string | null,
  now: number,
  begunAt: number,
): SeenCode & { qrCode: string | null } {
  if (before !== null && before.qrCode === qrCode) return before;
  const first = before === null || before.qrCode === null;
  return { qrCode, seenAt: now, begunAt: first ? begunAt : null };
}

/** Returns when a code ends at the latest. */
export function endsAt({ seenAt, begunAt }: SeenCode): number {
  // The gateway's clock and this one may differ: what cannot be is not believed.
  if (begunAt !== null && seenAt - begunAt >= 0 && seenAt - begunAt < FIRST) return begunAt + FIRST;
  return seenAt + (begunAt !== null && begunAt > seenAt ? FIRST : NEXT);
}

export type CodeState = { kind: "valid"; seconds: number } | { kind: "renewing" } | { kind: "expired" };

/** Returns what to say of a code: how many seconds it is good for, that the next one is on its way, or that it is over. */
export function codeState(code: SeenCode, now: number): CodeState {
  const left = endsAt(code) - now;
  if (left > 0) return { kind: "valid", seconds: Math.ceil(left / 1000) };
  return { kind: left > -GRACE ? "renewing" : "expired" };
}
