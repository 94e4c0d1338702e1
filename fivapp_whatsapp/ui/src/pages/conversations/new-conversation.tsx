import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useLocation } from "wouter";
import { api, ask } from "../../api/client";
import { useSessions } from "../../api/queries";
import { useSpeech } from "../../i18n";
import { phone, typedNumber } from "../../lib/phones";
import { insertEverywhere } from "../../live/news";
import { useLive } from "../../live/provider";
import { Dialog } from "../../parts/dialog";
import { Field } from "../../parts/field";
import { problemText } from "../../parts/problems";

/** Opens a conversation with a number; nothing is sent yet. */
export default function NewConversation({ to, onClose }: { to: string; onClose: () => void }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const [, go] = useLocation();
  const client = useQueryClient();
  const sessions = useSessions();
  const running = (sessions.data ?? []).filter((one) => one.desired === "running");
  const [wrong, setWrong] = useState(false);
  const open = useMutation({
    mutationFn: (body: { to: string; title?: string; sessionId?: string }) =>
      ask(api.POST("/api/conversations", { body })),
    onSuccess: (conversation) => {
      insertEverywhere(client, conversation, me.id);
      onClose();
      go(`/conversations/${conversation.id}`);
    },
  });

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    const number = typedNumber(text("to"));
    setWrong(number === null);
    if (number === null) return;
    const title = text("title");
    const sessionId = text("session");
    open.mutate({ to: number, ...(title ? { title } : {}), ...(sessionId ? { sessionId } : {}) });
  }

  return (
    <Dialog open onClose={onClose} title={t("new.title")}>
      {sessions.data !== undefined && sessions.data.length === 0 ? (
        <p className="soft">{t("new.noSession")}</p>
      ) : (
        <form className="stack" onSubmit={submit}>
          <Field
            label={t("new.to")}
            help={t("new.toHelp")}
            wrong={wrong ? t("new.invalid") : open.isError ? problemText(t, open.error) : undefined}
          >
            {(ids) => (
              <input
                {...ids}
                className="input"
                name="to"
                type="tel"
                required
                autoFocus
                defaultValue={to}
                placeholder="11 98888-7777"
                autoComplete="off"
              />
            )}
          </Field>
          <Field label={t("new.name")}>
            {(ids) => <input {...ids} className="input" name="title" maxLength={100} autoComplete="off" />}
          </Field>
          {running.length > 1 && (
            <Field label={t("new.session")}>
              {(ids) => (
                <select {...ids} className="input" name="session">
                  {running.map((session) => (
                    <option key={session.id} value={session.id}>
                      {session.name}
                      {session.phone == null ? "" : ` · ${phone(session.phone)}`}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          )}
          <footer>
            <button type="submit" className="button main" disabled={open.isPending}>
              {t("new.open")}
            </button>
          </footer>
        </form>
      )}
    </Dialog>
  );
}
