import { useMutation } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import { refresh } from "../../api/queries";
import { useSpeech } from "../../i18n";
import { problemText } from "../../parts/problems";
import { toast } from "../../parts/toasts";

/** Returns what shows a failure as a sentence, and reads the sessions anew whatever happened. */
function useOutcome() {
  const { t } = useSpeech();
  return {
    onError: (error: unknown) => toast(problemText(t, error)),
    onSettled: () => refresh(keys.sessions, ["session"]),
  };
}

export function useConnect() {
  return useMutation({
    mutationFn: (wish: { tenantId?: string; name?: string }) => ask(api.POST("/api/whatsapp/connect", { body: wish })),
    ...useOutcome(),
  });
}

export function useDisconnect() {
  return useMutation({
    mutationFn: (id: string) =>
      ask(api.DELETE("/api/whatsapp/disconnect/{tenantId}", { params: { path: { tenantId: id } } })),
    ...useOutcome(),
  });
}

export function useRemove() {
  return useMutation({
    mutationFn: (id: string) => ask(api.DELETE("/api/sessions/{sessionId}", { params: { path: { sessionId: id } } })),
    ...useOutcome(),
  });
}

export function useRename() {
  return useMutation({
    mutationFn: ({ id, name }: { id: string; name: string }) =>
      ask(api.PATCH("/api/sessions/{sessionId}", { params: { path: { sessionId: id } }, body: { name } })),
    ...useOutcome(),
  });
}

export function useAdd() {
  return useMutation({
    mutationFn: async ({ label, name }: { label: string; name: string }) => {
      const body = { label, ...(name === "" ? {} : { name }) };
      const session = await ask(api.POST("/api/sessions", { body }));
      return ask(api.POST("/api/whatsapp/connect", { body: { tenantId: session.id } }));
    },
    onSettled: () => refresh(keys.sessions),
  });
}

export function usePairingCode(id: string) {
  return useMutation({
    mutationFn: (phone: string) =>
      ask(api.POST("/api/sessions/{sessionId}/pairing-code", { params: { path: { sessionId: id } }, body: { phone } })),
  });
}
