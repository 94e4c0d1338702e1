import type { RefObject } from "react";
import type { Conversation, Message } from "../../../api/types";
import { NO_DRAFT, setDraft, type Draft } from "../../../lib/drafts";
import { useLive } from "../../../live/provider";
import { useChange } from "../changes";
import { detachAll, type Attached } from "./files";

/** Returns what sends a draft: the field is empty at once and keeps the focus, rows show what becomes of it. */
export function useSubmit(conversation: Conversation, field: RefObject<HTMLTextAreaElement | null>) {
  const { sender } = useLive();
  const id = conversation.id;
  const { mutate } = useChange(id);

  function sendFiles(draft: Draft, files: readonly Attached[]): void {
    let text = draft.text.trim();
    let quoted = draft.quoted;
    for (const one of files) {
      if (one.uploaded === undefined) continue;
      sender.send({
        conversationId: id,
        text,
        quoted,
        media: one.uploaded.media,
        kind: one.uploaded.kind as Message["kind"],
      });
      text = "";
      quoted = null;
    }
  }

  return (draft: Draft, files: readonly Attached[]) => {
    const text = draft.text.trim();
    if (draft.note) {
      if (text === "") return;
      setDraft(id, { ...NO_DRAFT, note: true });
      sender.send({ conversationId: id, text, quoted: null, media: null, kind: "note" });
      return;
    }
    // Several files keep their order: they wait for each other.
    if (files.some((one) => one.state !== "ready")) return;
    if (text === "" && files.length === 0) return;
    // Who goes on with a conversation that was put away has it among the open ones again, as the field says.
    if (conversation.status === "closed") mutate({ status: "open" });
    if (files.length > 0) sendFiles(draft, files);
    else sender.send({ conversationId: id, text, quoted: draft.quoted, media: null, kind: "text" });
    setDraft(id, NO_DRAFT);
    detachAll(id);
    field.current?.focus();
  };
}
