import { Pause, Play } from "lucide-react";
import { useEffect, useState } from "react";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useWatched } from "../../../lib/external";
import { lackOf, mediaSource, type Lack } from "../../../lib/media-source";
import { length } from "../../../lib/time";
import { nextSpeed, playing, seek, setSpeed, speed, toggle, unplayable } from "../../../live/audio";
import { Absent } from "./absent";

/** A voice note or a piece of music: one plays at a time, and goes on while the conversation is changed. */
export default function Player({ message }: { message: Message }) {
  return useWatched(unplayable) === message.id ? <Unplayable message={message} /> : <Playable message={message} />;
}

/** Says why a recording did not come; a second try brings the player back. */
function Unplayable({ message }: { message: Message }) {
  const [lack, setLack] = useState<Lack | "looking">("looking");
  useEffect(() => void lackOf(message).then(setLack), [message]);
  return <Absent message={message} lack={lack} onRetry={() => unplayable.set(null)} />;
}

function Playable({ message }: { message: Message }) {
  const { t } = useSpeech();
  const now = useWatched(playing);
  const rate = useWatched(speed);
  const here = now !== null && now.id === message.id ? now : null;
  const total = here?.duration ?? message.media?.seconds ?? 0;
  const position = here?.position ?? 0;
  const source = () => mediaSource(message) ?? "";
  return (
    <div className="player">
      <button
        type="button"
        className="icon-button main"
        aria-label={here?.running ? t("player.pause") : t("player.play")}
        onClick={() => toggle(message.id, source)}
      >
        {here?.running ? <Pause size={18} aria-hidden /> : <Play size={18} aria-hidden />}
      </button>
      <input
        type="range"
        min={0}
        max={Math.max(1, total)}
        step={0.1}
        value={position}
        aria-label={t("player.position")}
        aria-valuetext={length(position)}
        onChange={(event) => seek(message.id, source, Number(event.target.value))}
      />
      <span className="small player-time">{length(here === null ? total : position)}</span>
      <button
        type="button"
        className="chip"
        aria-label={t("player.speed", { n: rate })}
        onClick={() => setSpeed(nextSpeed(rate))}
      >
        {rate}×
      </button>
    </div>
  );
}
