import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { keys } from "../../api/keys";
import { shortcutOf, shortcutsOpen } from "../../lib/shortcuts";
import { draftOf, setDraft } from "../../lib/drafts";
import type { ThreadData } from "../../live/apply";
import { useLive } from "../../live/provider";
import { useChange, useClose } from "./changes";
import { shownOrder } from "./list/list";
import { neighbour, type Walk } from "./neighbour";
import { searchWanted } from "./list/sidebar";

function focusField(): void {
  document.querySelector<HTMLTextAreaElement>(".composer textarea")?.focus();
}

/** The keys of the inbox: J, K, Enter, E, A, R, U, Ctrl+K, Escape, ? */
export function useKeys(selected: string | null, go: (path: string, how?: { state: Walk }) => void): void {
  const client = useQueryClient();
  const { me } = useLive();
  const change = useChange(selected);
  const close = useClose(selected);

  useEffect(() => {
    function walk(step: 1 | -1) {
      const next = neighbour(shownOrder.get(), selected, step);
      if (next !== null && next !== selected) go(`/conversations/${next}`, { state: { walk: true } });
    }

    function messages() {
      if (selected === null) return [];
      const data = client.getQueryData<ThreadData>(keys.thread(selected));
      return (data?.pages ?? []).flatMap((page) => page.items);
    }

    function quoteLast() {
      const last = messages().find((message) => message.direction === "incoming" && message.kind !== "reaction");
      if (selected === null || last === undefined) return;
      setDraft(selected, { ...draftOf(selected), quoted: last, note: false });
      focusField();
    }

    function markUnread() {
      const incoming = messages().filter((message) => message.direction === "incoming");
      if (selected === null || incoming.length === 0) return;
      change.mutate({ readUpTo: incoming[1]?.id ?? null });
      go("/conversations");
    }

    const acts: Record<string, () => void> = {
      j: () => walk(1),
      k: () => walk(-1),
      enter: focusField,
      e: close,
      a: () => change.mutate({ assigneeId: me.id }),
      r: quoteLast,
      u: markUnread,
      "ctrl+k": () => searchWanted.set((n) => n + 1),
      escape: () => {
        if (document.activeElement instanceof HTMLTextAreaElement) document.activeElement.blur();
        else if (selected !== null) go("/conversations");
      },
      "?": () => shortcutsOpen.set(true),
    };

    function onKeyDown(event: KeyboardEvent) {
      const act = acts[shortcutOf(event) ?? ""];
      if (act === undefined || document.querySelector('[role="dialog"], [role="menu"]') !== null) return;
      event.preventDefault();
      act();
    }
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  });
}
