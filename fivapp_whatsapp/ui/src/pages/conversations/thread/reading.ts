import { useCallback, useEffect, useRef, useState } from "react";
import type { Conversation, Message } from "../../../api/types";
import { useWatched } from "../../../lib/external";
import { looking } from "../../../notifications/looking";
import { useChange } from "../changes";
import { look, nextRead, ripe, type InView } from "./seen";

/**
 * Marks as read what was in view for a second while somebody looked: up to that message, so that one which comes
 * meanwhile stays unread. What was marked as unread by hand stays so until the conversation is opened again.
 */
export function useReading(conversation: Conversation, messages: readonly Message[]) {
  const { mutate } = useChange(conversation.id);
  const looked = useWatched(looking);
  const [shown, setShown] = useState<readonly string[]>([]);
  const inView = useRef<InView>(new Map());
  const held = useRef(false);
  // What was asked for and may not be told yet.
  const asked = useRef<string | null>(null);
  const unread = conversation.unreadCount > 0;
  const readUpTo = conversation.readUpTo ?? null;

  useEffect(() => {
    inView.current = look(inView.current, looked ? shown : [], Date.now());
    if (!looked || !unread) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = () => {
      const { ids, next } = ripe(inView.current, Date.now());
      if (next !== null) timer = setTimeout(read, next);
      const upTo = held.current ? null : nextRead(messages, [readUpTo, asked.current], ids);
      if (upTo === null) return;
      asked.current = upTo;
      mutate({ readUpTo: upTo }, { onError: () => (asked.current = null) });
    };
    read();
    return () => clearTimeout(timer);
  }, [looked, unread, shown, messages, readUpTo, mutate]);

  const markUnread = useCallback(() => {
    const incoming = messages.filter((message) => message.direction === "incoming");
    held.current = true;
    asked.current = null;
    mutate({ readUpTo: incoming[incoming.length - 2]?.id ?? null });
  }, [messages, mutate]);

  return { seen: setShown, markUnread };
}
