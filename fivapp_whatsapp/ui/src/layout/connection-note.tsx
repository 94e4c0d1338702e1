import { useEffect, useState } from "react";
import { useSpeech } from "../i18n";
import { useWatched } from "../lib/external";
import { connection } from "../live/provider";
import { BACK, LONG, noteOf, QUIET } from "./note";

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
