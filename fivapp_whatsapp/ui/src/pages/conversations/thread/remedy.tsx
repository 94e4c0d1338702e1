import { Link } from "wouter";
import type { MessageKind } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { limitOf, REMEDY_WORDS, remedyOf } from "../../../lib/remedies";
import { fileSize } from "../../../lib/time";
import { useLive } from "../../../live/provider";
import { sentence } from "../../../parts/problems";
import { newConversation } from "../new-conversation-state";
import { useThreadActions } from "./context";

interface Props {
  kind: MessageKind;
  code: string | undefined;
  detail?: string | undefined;
  busy?: boolean;
  onRetry: () => void;
  /** Takes the text back into the field; absent where there is none. */
  onEdit?: (() => void) | undefined;
}

/** Why a message did not go out, in one sentence, and the one thing to do about it; what may be tried again may be edited. */
export function Remedy({ kind, code, detail, busy = false, onRetry, onEdit }: Props) {
  const { t, language } = useSpeech();
  const { me } = useLive();
  const { number } = useThreadActions();
  const found = remedyOf(code, me.role === "admin");
  // A file is no draft: it is sent again, as it is, once the customer has written.
  const remedy = found === "keep" && kind !== "text" ? "retry" : found;
  const limit = code === "too_large" ? limitOf(kind) : undefined;
  const word = t(REMEDY_WORDS[remedy]);
  return (
    <>
      <span>
        {limit === undefined
          ? sentence(t, code, detail)
          : t("error.too_large_limit", { limit: fileSize(limit, language) })}
      </span>
      {remedy === "retry" && (
        <button type="button" disabled={busy} onClick={onRetry}>
          {word}
        </button>
      )}
      {remedy === "reconnect" && <Link to="/whatsapp-settings">{word}</Link>}
      {remedy === "checkNumber" && (
        <button type="button" onClick={() => newConversation.set({ to: number })}>
          {word}
        </button>
      )}
      {(remedy === "retry" || remedy === "edit" || remedy === "keep") && onEdit !== undefined && (
        <button type="button" onClick={onEdit}>
          {remedy === "keep" ? word : t("message.edit")}
        </button>
      )}
    </>
  );
}
