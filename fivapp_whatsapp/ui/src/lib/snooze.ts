import type { Key } from "../i18n";

const MORNING = 8;

/** Returns until when a conversation may be put off, in this time zone. */
export function snoozes(now: Date): readonly { key: Key; until: Date }[] {
  const at = (days: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING);
  const toMonday = (8 - now.getDay()) % 7 || 7;
  return [
    { key: "conv.snooze.hour", until: new Date(now.getTime() + 60 * 60_000) },
    { key: "conv.snooze.tomorrow", until: at(1) },
    { key: "conv.snooze.monday", until: at(toMonday) },
    { key: "conv.snooze.week", until: at(7) },
  ];
}
