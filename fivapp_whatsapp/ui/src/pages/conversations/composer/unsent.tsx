import { useState } from "react";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useMinute } from "../../../lib/clock";
import { readJson, write } from "../../../lib/storage";
import { useLive } from "../../../live/provider";
import { useRetry } from "../messages-actions";

const DAY = 24 * 60 * 60_000;
const DISMISSED = "fivapp.dismissed";

/** After a time without a connection, one bar for all that did not go out. */
export default function Unsent({ messages }: { messages: readonly Message[] }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const retry = useRetry();
  const now = useMinute();
  const [dismissed, setDismissed] = useState(() => readJson<string[]>(DISMISSED, []));
  const replaced = new Set(messages.map((message) => message.retryOf));
  const unsent = messages.filter(
    (message) =>
      (message.status === "expired" || message.status === "failed") &&
      message.author.id === me.id &&
      !replaced.has(message.id) &&
      !dismissed.includes(message.id) &&
      now - new Date(message.at).getTime() < DAY,
  );
  if (unsent.length < 2) return null;
  const discard = () => {
    const next = [...dismissed, ...unsent.map((message) => message.id)].slice(-500);
    write(DISMISSED, JSON.stringify(next));
    setDismissed(next);
  };
  const resend = async () => {
    for (const message of unsent) await retry.mutateAsync(message).catch(() => undefined);
  };
  return (
    <div className="notice warn" role="status">
      <span>{t("composer.unsent", { n: unsent.length })}</span>
      <button type="button" className="button slim" disabled={retry.isPending} onClick={() => void resend()}>
        {t("composer.resendAll")}
      </button>
      <button type="button" className="button slim quiet" onClick={discard}>
        {t("composer.discardAll")}
      </button>
    </div>
  );
}
