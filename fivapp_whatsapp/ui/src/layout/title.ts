import { useCallback, useEffect } from "react";
import { useUnread } from "../api/queries";
import type { Conversation, Me } from "../api/types";
import { useSpeech } from "../i18n";

/** Counts the conversations with something unread that are this user's, or nobody's. */
export function countUnread(conversations: readonly Conversation[], userId: string): number {
  const waiting = conversations.filter(
    (one) => one.unreadCount > 0 && [null, undefined, userId].includes(one.assigneeId),
  );
  return new Set(waiting.map((one) => one.id)).size;
}

/** Names the page in the title of the tab, and says how many conversations have something unread. */
export function useTitle(me: Me, page: string): void {
  const { t } = useSpeech();
  const count = useCallback((conversations: readonly Conversation[]) => countUnread(conversations, me.id), [me.id]);
  const unread = useUnread(me.id, count);
  useEffect(() => {
    document.title = unread > 0 ? t("nav.titleUnread", { n: unread, page }) : t("nav.title", { page });
    return () => {
      document.title = t("app.name");
    };
  }, [page, t, unread]);
}
