import { ImageOff, RotateCw } from "lucide-react";
import { useState } from "react";
import type { Message } from "../../../api/types";
import { currentToken } from "../../../api/token";
import { address } from "../../../base";
import { useSpeech, type Key } from "../../../i18n";
import { mediaUrl } from "../../../lib/media";
import type { Lack } from "../../../lib/media-source";
import { useThreadActions } from "./context";
import { Save } from "./save";

const STATES: Record<string, Key> = {
  fetching: "message.mediaFetching",
  failed: "message.mediaFailed",
  expired: "message.mediaExpired",
  gone: "message.mediaGone",
  refused: "message.mediaRefused",
};
// Here a second try may bring the file; for the others only who sent it can help.
const AGAIN = new Set(["failed", "expired"]);

interface Props {
  message: Message;
  /** What was found when it was read, where that is newer than what its message says. */
  lack?: Lack | "looking" | null;
  /** Reads it once more, after the gateway was asked to fetch it again where it keeps files. */
  onRetry?: () => void;
}

/** What stands for a file that is not here: why, and what to do about it. */
export function Absent({ message, lack = null, onRetry }: Props) {
  const { t } = useSpeech();
  const { askAgain } = useThreadActions();
  const [asking, setAsking] = useState(false);
  const kept = message.media?.state ?? null;
  const state = asking || lack === "looking" ? "fetching" : (lack ?? kept ?? "none");
  const again = async () => {
    if (kept !== null) {
      setAsking(true);
      await fetchAgain(message.id);
      setAsking(false);
    }
    onRetry?.();
  };
  // Nobody is asked to send again what the gateway has, and what may come at the next try.
  const lost = state !== "fetching" && !(lack === "failed" && kept !== null);
  return (
    <div className="absent" data-state={state}>
      {state === "fetching" ? <span className="spinner" aria-hidden /> : <ImageOff size={22} aria-hidden />}
      <span>{t(STATES[state] ?? "message.mediaNone")}</span>
      {AGAIN.has(state) && (
        <button type="button" className="button slim" onClick={() => void again()}>
          <RotateCw size={16} aria-hidden />
          {t(state === "expired" ? "message.fetchAgain" : "common.retry")}
        </button>
      )}
      {lack === "failed" && mediaUrl(message) !== null && (
        // It may be there, and be of a kind that a browser does not show.
        <Save message={message} name={message.media?.filename ?? ""} size={18} className="icon-button slim" />
      )}
      {lost && message.direction === "incoming" && (
        <button type="button" className="button slim" onClick={() => askAgain(message, t("message.askText"))}>
          {t("message.askAgain")}
        </button>
      )}
    </div>
  );
}

/** Lets the gateway fetch a file again; what became of it comes as a frame, and says itself in words. */
async function fetchAgain(messageId: string): Promise<void> {
  const token = currentToken();
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` };
  const path = `/api/media/${encodeURIComponent(messageId)}/retry`;
  await fetch(address(path), { method: "POST", headers }).catch(() => undefined);
}
