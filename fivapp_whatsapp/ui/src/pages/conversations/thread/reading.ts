import { useCallback, useEffect, useRef, useState } from "react";
import type { Conversation, Message } from "../../../api/types";
import { useChange } from "../changes";

const READ_AFTER = 1_000;

/** Whether somebody looks: the tab is shown and the window has the focus. */
function useLooking(): boolean {
  const [looking, setLooking] = useState(() => document.visibilityState === "visible" && document.hasFocus());
  useEffect(() => {
    const look = () => setLooking(document.visibilityState === "visible" && document.hasFocus());
    for (const name of ["focus", "blur"]) addEventListener(name, look);
    document.addEventListener("visibilitychange", look);
    return () => {
      for (const name of ["focus", "blur"]) removeEventListener(name, look);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
  return looking;
}

/**
 * Marks as read what was in view for a second while somebody looked: up to that message, so that one which comes
 * meanwhile stays unread. What was marked as unread by hand stays so until the conversation is opened again.
 */
export function useReading(conversation: Conversation, messages: readonly Message[]) {
  const change = useChange(conversation);
  const { mutate } = change;
  const looking = useLooking();
  const [seenId, setSeenId] = useState<string | null>(null);
  const held = useRef(false);
  const asked = useRef<string | null>(null);
  const unread = conversation.unreadCount > 0;

  useEffect(() => {
    if (!looking || !unread || seenId === null) return undefined;
    const timer = setTimeout(() => {
      if (held.current || asked.current === seenId) return;
      asked.current = seenId;
      mutate({ readUpTo: seenId }, { onError: () => (asked.current = null) });
    }, READ_AFTER);
    return () => clearTimeout(timer);
  }, [looking, unread, seenId, mutate]);

  const markUnread = useCallback(() => {
    const incoming = messages.filter((message) => message.direction === "incoming");
    held.current = true;
    asked.current = null;
    mutate({ readUpTo: incoming[incoming.length - 2]?.id ?? null });
  }, [messages, mutate]);

  return { seen: setSeenId, markUnread };
}
