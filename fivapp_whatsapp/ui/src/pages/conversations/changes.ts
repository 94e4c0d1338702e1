import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import type { Conversation, ConversationChange } from "../../api/types";
import { useSpeech } from "../../i18n";
import { showConversation } from "../../live/news";
import { useLive } from "../../live/provider";
import { problemText } from "../../parts/problems";
import { toast } from "../../parts/toasts";

/** Returns what changes a conversation: shown at once, taken back where the gateway refuses. */
export function useChange(conversation: Conversation | undefined) {
  const client = useQueryClient();
  const { me } = useLive();
  const { t } = useSpeech();
  return useMutation({
    mutationFn: async (change: ConversationChange) => {
      if (conversation === undefined) return undefined;
      const params = { path: { conversationId: conversation.id } };
      return ask(api.PATCH("/api/conversations/{conversationId}", { params, body: change }));
    },
    onMutate: (change) => {
      if (conversation === undefined) return;
      const { readUpTo: _, ...shown } = change;
      if (Object.keys(shown).length > 0) showConversation(client, { ...conversation, ...shown }, me.id);
    },
    onSuccess: (changed) => {
      if (changed !== undefined) showConversation(client, changed, me.id);
    },
    onError: (error) => {
      toast(problemText(t, error));
      if (conversation !== undefined) void client.invalidateQueries({ queryKey: keys.conversation(conversation.id) });
      void client.invalidateQueries({ queryKey: keys.lists });
    },
  });
}

/** Returns what closes or reopens a conversation, with a way back. */
export function useClose(conversation: Conversation | undefined): () => void {
  const change = useChange(conversation);
  const { t } = useSpeech();
  return () => {
    if (conversation === undefined) return;
    const closes = conversation.status !== "closed";
    change.mutate({ status: closes ? "closed" : "open" });
    if (closes) {
      toast(t("conv.closedToast"), { label: t("conv.undo"), act: () => change.mutate({ status: "open" }) });
    }
  };
}
