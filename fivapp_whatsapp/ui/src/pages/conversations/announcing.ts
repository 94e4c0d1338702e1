import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { keys } from "../../api/keys";
import type { Conversation } from "../../api/types";
import { useSpeech } from "../../i18n";
import { announce } from "../../live/notifications";
import { listenToFrames } from "../../live/provider";

function looking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** Tells of messages that come in while nobody looks: in the title of the tab, by a sound, by a notification. */
export function useAnnouncing(selected: string | null): void {
  const { t } = useSpeech();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [count, setCount] = useState(0);

  useEffect(() => {
    const seen = () => looking() && setCount(0);
    addEventListener("focus", seen);
    document.addEventListener("visibilitychange", seen);
    return () => {
      removeEventListener("focus", seen);
      document.removeEventListener("visibilitychange", seen);
    };
  }, []);

  useEffect(() => {
    document.title = count > 0 ? t("notify.title", { n: count }) : `${t("inbox.title")} · Fi.VApp`;
    return () => {
      document.title = "Fi.VApp";
    };
  }, [count, t]);

  useEffect(
    () =>
      listenToFrames((frame) => {
        if (frame.type !== "message.created" || frame.data.direction !== "incoming") return;
        if (looking()) return;
        setCount((n) => n + 1);
        const id = frame.data.conversationId;
        const conversation = client.getQueryData<Conversation>(keys.conversation(id));
        const name = conversation?.title ?? frame.data.author.name ?? "";
        announce(frame.data.id, t("notify.message", { name }), () => go(`/conversations/${id}`));
      }),
    [client, go, selected, t],
  );
}
