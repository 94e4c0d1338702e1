import { useMutation } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import { queryClient, useQuickReplies } from "../../api/queries";
import type { QuickReply } from "../../api/types";
import { useSpeech } from "../../i18n";
import { Dialog } from "../../parts/dialog";
import { Loading } from "../../parts/empty";
import { problemText } from "../../parts/problems";

const SHORTCUT = /^[a-z0-9_-]{1,32}$/;

/** Manages the quick replies of the team. */
export default function QuickReplies({ onClose }: { onClose: () => void }) {
  const { t } = useSpeech();
  const replies = useQuickReplies();
  return (
    <Dialog open wide onClose={onClose} title={t("quick.title")} lead={t("quick.lead")}>
      {replies.isPending ? (
        <Loading label={t("app.loading")} />
      ) : replies.isError ? (
        <p className="soft">{problemText(t, replies.error)}</p>
      ) : (
        <QuickForm replies={replies.data} onClose={onClose} />
      )}
    </Dialog>
  );
}

function QuickForm({ replies, onClose }: { replies: readonly QuickReply[]; onClose: () => void }) {
  const { t } = useSpeech();
  const [items, setItems] = useState(() => (replies.length > 0 ? replies : [{ shortcut: "", text: "" }]));
  const save = useMutation({
    mutationFn: (all: readonly QuickReply[]) => ask(api.PUT("/api/quick-replies", { body: { items: [...all] } })),
    onSuccess: (saved) => {
      queryClient.setQueryData(keys.quickReplies, saved.items);
      onClose();
    },
  });
  const filled = items.filter((one) => one.shortcut !== "" || one.text.trim() !== "");
  const invalid = filled.some((one) => !SHORTCUT.test(one.shortcut) || one.text.trim() === "");
  const twice = new Set(filled.map((one) => one.shortcut)).size < filled.length;
  const [tried, setTried] = useState(false);
  const change = (place: number, values: Partial<QuickReply>) =>
    setItems(items.map((one, index) => (index === place ? { ...one, ...values } : one)));

  function submit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (!invalid && !twice) save.mutate(filled);
  }

  return (
    <form className="stack" onSubmit={submit}>
      <p className="soft small">{t("quick.textHelp", { name: "{name}", nome: "{nome}" })}</p>
      <ul className="stack">
        {items.map((one, index) => (
          <li key={index} className="quick-row">
            <input
              className="input"
              value={one.shortcut}
              maxLength={32}
              placeholder={t("quick.shortcut")}
              aria-label={t("quick.shortcut")}
              aria-invalid={(tried && one.text !== "" && !SHORTCUT.test(one.shortcut)) || undefined}
              onChange={(event) => change(index, { shortcut: event.target.value.toLowerCase() })}
            />
            <textarea
              className="input"
              rows={2}
              value={one.text}
              maxLength={4096}
              placeholder={t("quick.text")}
              aria-label={t("quick.text")}
              onChange={(event) => change(index, { text: event.target.value })}
            />
            <button
              type="button"
              className="icon-button"
              aria-label={t("quick.remove", { name: one.shortcut })}
              onClick={() => setItems(items.filter((_, place) => place !== index))}
            >
              <Trash2 size={18} aria-hidden />
            </button>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p className="soft">{t("quick.empty")}</p>}
      {tried && (invalid || twice) && (
        <p className="wrong" role="alert">
          {t(twice ? "quick.duplicate" : "quick.invalid")}
        </p>
      )}
      {save.isError && (
        <p className="wrong" role="alert">
          {problemText(t, save.error)}
        </p>
      )}
      <footer>
        <button type="button" className="button" onClick={() => setItems([...items, { shortcut: "", text: "" }])}>
          <Plus size={18} aria-hidden />
          {t("quick.add")}
        </button>
        <button type="submit" className="button main" disabled={save.isPending}>
          {t("common.save")}
        </button>
      </footer>
    </form>
  );
}
