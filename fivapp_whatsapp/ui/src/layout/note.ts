import type { Connection } from "../live/provider";

export const QUIET = 2_000;
export const LONG = 10_000;
export const BACK = 2_500;

export type Note = { kind: "reconnecting" | "offline" } | { kind: "back"; missed: number } | null;

/** Returns what to say of the connection: nothing for two seconds, and shortly when it is back. */
export function noteOf(state: Connection, now: number, told: boolean): Note {
  if (state.downSince !== null) {
    const away = now - state.downSince;
    if (away < QUIET) return null;
    return { kind: away < LONG ? "reconnecting" : "offline" };
  }
  if (told && state.backAt !== null && now - state.backAt < BACK) return { kind: "back", missed: state.missed };
  return null;
}
