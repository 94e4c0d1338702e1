import { useEffect, useState } from "react";
import type { Conversation } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { authorName, preview } from "../../../lib/preview";
import { listenToFrames } from "../../../live/provider";

const KEPT = 5;

/** Speaks new incoming messages of the open thread to screen readers, and never its history. */
export function Spoken({ conversation }: { conversation: Conversation }) {
  const { t } = useSpeech();
  const [lines, setLines] = useState<readonly { id: string; text: string }[]>([]);
  useEffect(
    () =>
      listenToFrames((frame) => {
        if (frame.type !== "message.created" || frame.conversationId !== conversation.id) return;
        const message = frame.data;
        if (message.direction !== "incoming") return;
        const said = t("message.by", { name: authorName(message, conversation.title, t) });
        setLines((all) => [...all.slice(1 - KEPT), { id: message.id, text: `${said} ${preview(message, t)}` }]);
      }),
    [conversation.id, conversation.title, t],
  );
  return (
    <div className="hidden" role="log" aria-label={t("thread.messages", { name: conversation.title })}>
      {lines.map((line) => (
        <p key={line.id}>{line.text}</p>
      ))}
    </div>
  );
}
