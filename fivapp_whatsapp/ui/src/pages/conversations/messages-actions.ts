import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { problemOf } from "../../api/problem";
import type { Message } from "../../api/types";
import { useSpeech } from "../../i18n";
import { showMessage } from "../../live/news";
import { problemText } from "../../parts/problems";
import { toast } from "../../parts/toasts";

/** Returns what sends a message again: the new one takes the old one's row. */
export function useRetry() {
  const client = useQueryClient();
  const { t } = useSpeech();
  return useMutation({
    mutationFn: async (message: Message) => {
      try {
        const params = { path: { messageId: message.id } };
        return (await ask(api.POST("/api/messages/{messageId}/retry", { params }))).message;
      } catch (error) {
        const { messageObject } = problemOf(error);
        if (messageObject !== undefined) return messageObject;
        throw error;
      }
    },
    onSuccess: (again) => showMessage(client, again),
    onError: (error) => toast(problemText(t, error)),
  });
}

/** Returns what settles a message by a person's word: it was sent, or it shall not be. */
export function useResolve() {
  const client = useQueryClient();
  const { t } = useSpeech();
  return useMutation({
    mutationFn: ({ message, as }: { message: Message; as: "sent" | "cancelled" }) =>
      ask(api.POST("/api/messages/{messageId}/resolve", { params: { path: { messageId: message.id } }, body: { as } })),
    onSuccess: (settled) => showMessage(client, settled),
    onError: (error) => toast(problemText(t, error)),
  });
}
