import { useEffect, useState } from "react";
import { useSpeech } from "../i18n";
import { useWatched } from "../lib/external";
import { connection, type Connection } from "../live/provider";

const QUIET = 2_000;
const LONG = 10_000;
const BACK = 2_500;

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

/** Says quietly that the connection is away, and that nothing was lost when it is back. */
export function ConnectionNote() {
  const { t } = useSpeech();
  const state = useWatched(connection);
  const [now, setNow] = useState(Date.now);
  const [told, setTold] = useState(false);
  const note = noteOf(state, now, told);

  useEffect(() => {
    // Asked only while something may change: an idle page does nothing.
    const tick = () => setNow(Date.now());
    const timers = [0, QUIET, LONG, BACK + 100].map((pause) => setTimeout(tick, pause + 20));
    return () => timers.forEach(clearTimeout);
  }, [state]);

  const away = note !== null && note.kind !== "back";
  if (away && !told) setTold(true);
  if (told && note === null && state.downSince === null) setTold(false);

  return (
    <div className="connection-note" role="status" data-shown={note !== null}>
      {note?.kind === "reconnecting" && t("live.reconnecting")}
      {note?.kind === "offline" && t("live.offline")}
      {note?.kind === "back" && (note.missed > 0 ? t("live.backNew", { n: note.missed }) : t("live.back"))}
    </div>
  );
}
