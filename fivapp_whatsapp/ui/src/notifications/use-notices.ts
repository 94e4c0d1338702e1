import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation } from "wouter";
import { keys } from "../api/keys";
import type { Conversation, Me } from "../api/types";
import { useSpeech } from "../i18n";
import { listenToFrames } from "../live/provider";
import { announce, concerns } from "./announce";
import { resume } from "./notices";

/** Keeps the user told on every page: sounds, notifications, and clicks on them. */
export function useNotices(me: Me): void {
  const { t, language } = useSpeech();
  const client = useQueryClient();
  const [, go] = useLocation();

  useEffect(() => void resume({ id: me.id, tenantId: me.tenantId }, language), [me.id, me.tenantId, language]);

  useEffect(() => {
    const workers = navigator.serviceWorker;
    if (workers === undefined) return undefined;
    const open = ({ data, ports }: MessageEvent<{ type?: string; path?: string } | null>) => {
      if (data?.type !== "open" || data.path === undefined) return;
      go(data.path);
      ports[0]?.postMessage("gone");
    };
    workers.addEventListener("message", open);
    return () => workers.removeEventListener("message", open);
  }, [go]);

  useEffect(
    () =>
      listenToFrames((frame) => {
        if (frame.type !== "message.created") return;
        const conversation = client.getQueryData<Conversation>(keys.conversation(frame.data.conversationId));
        if (!concerns(frame.data, conversation, me.id, Date.now())) return;
        const name = conversation?.title ?? frame.data.author.name ?? "";
        void announce(frame.data, t("notify.message", { name }));
      }),
    [client, me.id, t],
  );
}
