import { useMutation, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import type { Conversation, ConversationChange } from "../../api/types";
import { useSpeech } from "../../i18n";
import { showConversation } from "../../live/news";
import { useLive } from "../../live/provider";
import { problemText } from "../../parts/problems";
import { toast } from "../../parts/toasts";

/** Returns what changes a conversation: shown at once, taken back where the gateway refuses. */
export function useChange(id: string | null) {
  const client = useQueryClient();
  const { me } = useLive();
  const { t } = useSpeech();
  return useMutation({
    // One after the other: what was asked for last is what stays, whatever way each takes to the gateway.
    scope: { id: `change ${id ?? ""}` },
    mutationFn: async (change: ConversationChange) => {
      if (id === null) return undefined;
      return ask(
        api.PATCH("/api/conversations/{conversationId}", { params: { path: { conversationId: id } }, body: change }),
      );
    },
    onMutate: (change) => ({ shown: id === null ? undefined : showChange(client, id, change, me.id) }),
    onSuccess: (changed, _, { shown }) => {
      if (changed !== undefined) showAnswer(client, changed, shown, me.id);
    },
    onError: (error) => {
      toast(problemText(t, error));
      if (id !== null) void client.invalidateQueries({ queryKey: keys.conversation(id) });
      void client.invalidateQueries({ queryKey: keys.lists });
    },
  });
}

/** Returns what closes or reopens a conversation, with a way back. */
export function useClose(id: string | null): () => void {
  const client = useQueryClient();
  const change = useChange(id);
  const { t } = useSpeech();
  return () => {
    const now = id === null ? undefined : client.getQueryData<Conversation>(keys.conversation(id));
    if (now === undefined) return;
    const closes = now.status !== "closed";
    change.mutate({ status: closes ? "closed" : "open" });
    if (closes) {
      toast(t("conv.closedToast"), { label: t("conv.undo"), act: () => change.mutate({ status: "open" }) });
    }
  };
}

/** Shows a conversation with what is asked for it, as the newest that is known of it; returns what is shown. */
export function showChange(
  client: QueryClient,
  id: string,
  { readUpTo: _, ...shown }: ConversationChange,
  userId: string,
): Conversation | undefined {
  const now = client.getQueryData<Conversation>(keys.conversation(id));
  if (now !== undefined && Object.keys(shown).length > 0) showConversation(client, { ...now, ...shown }, userId);
  return client.getQueryData<Conversation>(keys.conversation(id));
}

/** Shows what was answered to a change, unless a frame that came meanwhile knows more. */
export function showAnswer(
  client: QueryClient,
  changed: Conversation,
  shown: Conversation | undefined,
  userId: string,
): void {
  if (client.getQueryData<Conversation>(keys.conversation(changed.id)) === shown)
    showConversation(client, changed, userId);
}
