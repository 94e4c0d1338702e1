import { X } from "lucide-react";
import { type FormEvent, useId } from "react";
import { useLabels, useSessions } from "../../../api/queries";
import type { Conversation } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { addressText, phone } from "../../../lib/phones";
import { dateAndTime } from "../../../lib/time";
import { Avatar } from "../../../parts/avatar";
import { useChange } from "../changes";

/** What is known of the contact, and what the team notes of the conversation. */
export default function Panel({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const { t, language } = useSpeech();
  const sessions = useSessions();
  const session = sessions.data?.find((one) => one.id === conversation.sessionId);
  const number = addressText(conversation.chatId);
  const state =
    conversation.status === "closed"
      ? t("conv.closed")
      : conversation.snoozedUntil != null
        ? t("conv.snoozedUntil", { time: dateAndTime(conversation.snoozedUntil, language) })
        : t("conv.open");
  return (
    <aside className="panel" aria-label={t("conv.panel")}>
      <header>
        <h2>{t("conv.panel")}</h2>
        <button type="button" className="icon-button" aria-label={t("common.close")} onClick={onClose}>
          <X size={20} aria-hidden />
        </button>
      </header>
      <div className="panel-person">
        <Avatar name={conversation.title} id={conversation.chatId} group={conversation.isGroup} size="big" />
        <h3>{conversation.title}</h3>
        {number !== "" && <p className="soft">{number}</p>}
      </div>
      <dl className="facts">
        <dt>{t("conv.status")}</dt>
        <dd>{state}</dd>
        {conversation.waitingSince != null && (
          <>
            <dt>{t("conv.waitingSince")}</dt>
            <dd>{dateAndTime(conversation.waitingSince, language)}</dd>
          </>
        )}
        {session !== undefined && (
          <>
            <dt>{t("conv.session")}</dt>
            <dd>
              {session.name}
              {session.phone != null && <span className="soft"> · {phone(session.phone)}</span>}
            </dd>
          </>
        )}
      </dl>
      <Labels conversation={conversation} />
    </aside>
  );
}

function Labels({ conversation }: { conversation: Conversation }) {
  const { t } = useSpeech();
  const change = useChange(conversation.id);
  const labels = useLabels();
  const list = useId();

  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const label = String(new FormData(form).get("label") ?? "").trim();
    if (label !== "" && !conversation.labels.includes(label))
      change.mutate({ labels: [...conversation.labels, label] });
    form.reset();
  }

  return (
    <section className="stack labels">
      <h3>{t("conv.labels")}</h3>
      <ul className="label-list">
        {conversation.labels.map((label) => (
          <li key={label} className="chip good">
            <span dir="auto">{label}</span>
            <button
              type="button"
              aria-label={t("conv.removeLabel", { label })}
              onClick={() => change.mutate({ labels: conversation.labels.filter((one) => one !== label) })}
            >
              <X size={13} aria-hidden />
            </button>
          </li>
        ))}
      </ul>
      <form className="label-form" onSubmit={add}>
        <input
          className="input"
          name="label"
          maxLength={64}
          list={list}
          placeholder={t("conv.addLabel")}
          aria-label={t("conv.addLabel")}
          autoComplete="off"
        />
        <datalist id={list}>
          {(labels.data ?? []).map((label) => (
            <option key={label} value={label} />
          ))}
        </datalist>
        <button type="submit" className="button slim">
          {t("common.add")}
        </button>
      </form>
    </section>
  );
}
