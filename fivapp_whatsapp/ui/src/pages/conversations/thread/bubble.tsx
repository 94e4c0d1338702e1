import { Bot, Copy, EllipsisVertical, Info, Reply, StickyNote } from "lucide-react";
import { useEffect, useState } from "react";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { authorName, preview } from "../../../lib/preview";
import type { Reaction } from "../../../lib/rows";
import { clock, duration, minutesBetween, wholeTime } from "../../../lib/time";
import { useLive } from "../../../live/provider";
import { Menu, MenuItem } from "../../../parts/menu";
import { useResolve, useRetry } from "../messages-actions";
import { Status } from "../status";
import { useThreadActions } from "./context";
import { Media } from "./media";
import { Remedy } from "./remedy";
import { Text } from "./text";

const LATE = 5;
const MOMENT = 4_000;

interface Props {
  message: Message;
  first: boolean;
  last: boolean;
  reactions: readonly Reaction[];
  quoted: Message | null;
}

export function Bubble({ message, first, last, reactions, quoted }: Props) {
  const { t } = useSpeech();
  const { me } = useLive();
  const { title, isGroup } = useThreadActions();
  const mine = message.direction === "outgoing";
  const note = message.kind === "note";
  const own = message.author.kind === "agent" && message.author.id === me.id;
  const name = authorName(message, title, t);
  const named = first && (note || (mine ? !own : isGroup));
  return (
    <article className={`bubble-line ${mine ? "mine" : "theirs"}${first ? " first" : ""}${last ? " last" : ""}`}>
      <div className={`bubble${note ? " note" : ""}`} data-kind={message.kind} data-message={message.id}>
        <h3 className={named ? "bubble-author" : "hidden"}>
          {message.author.kind === "plugin" && <Bot size={14} aria-hidden />}
          {note && <StickyNote size={14} aria-hidden />}
          {note ? `${t("message.note")} · ${own ? t("common.you") : name}` : own ? t("common.you") : name}
        </h3>
        {message.quotedMessageId != null && <Quote quoted={quoted} />}
        <Media message={message} />
        {message.kind === "unsupported" && <p className="soft">{t("message.unsupported")}</p>}
        {message.text && message.kind !== "location" && <Text text={message.text} />}
        {message.choices !== undefined && message.choices.length > 0 && (
          <ul className="choices">
            {message.choices.map((choice) => (
              <li key={choice.id}>{choice.title}</li>
            ))}
          </ul>
        )}
        <Foot message={message} />
        <Actions message={message} />
      </div>
      {reactions.length > 0 && <Reactions reactions={reactions} />}
      <Trouble message={message} />
    </article>
  );
}

function Foot({ message }: { message: Message }) {
  const { t, language } = useSpeech();
  const late = lateness(message);
  return (
    <span className="bubble-foot">
      {late >= LATE && <span>{t("thread.late", { time: duration(late) })}</span>}
      <time dateTime={message.at} title={wholeTime(message.at, language)}>
        {clock(message.at, language)}
      </time>
      {message.direction === "outgoing" && <Status status={message.status} />}
    </span>
  );
}

/** Returns how many minutes after it was written a message came in; ids begin with the time that we heard of it. */
function lateness(message: Message): number {
  if (message.direction !== "incoming" || !/^[0-9a-f]{32}$/.test(message.id)) return 0;
  return minutesBetween(message.at, parseInt(message.id.slice(0, 12), 16));
}

function Quote({ quoted }: { quoted: Message | null }) {
  const { t } = useSpeech();
  const { title } = useThreadActions();
  if (quoted === null) return <blockquote className="quote soft">{t("message.quotedGone")}</blockquote>;
  return (
    <blockquote className="quote">
      <strong>{authorName(quoted, title, t)}</strong>
      <span>{preview(quoted, t)}</span>
    </blockquote>
  );
}

function Reactions({ reactions }: { reactions: readonly Reaction[] }) {
  const { t } = useSpeech();
  return (
    <ul className="reactions">
      {reactions.map(({ emoji, name }, index) => (
        <li key={index} title={name}>
          <span aria-hidden>{emoji}</span>
          <span className="hidden">{t("message.reacted", { name, emoji })}</span>
        </li>
      ))}
    </ul>
  );
}

function Actions({ message }: { message: Message }) {
  const { t } = useSpeech();
  const { quote, canQuote, showDetails } = useThreadActions();
  const text = message.text ?? "";
  return (
    <div className="bubble-actions">
      <Menu
        trigger={
          <button type="button" className="icon-button slim" aria-label={t("message.actions")}>
            <EllipsisVertical size={16} aria-hidden />
          </button>
        }
      >
        {message.kind !== "note" && canQuote && (
          <MenuItem icon={<Reply size={18} aria-hidden />} onSelect={() => quote(message)}>
            {t("message.reply")}
          </MenuItem>
        )}
        {text !== "" && (
          <MenuItem
            icon={<Copy size={18} aria-hidden />}
            onSelect={() => void navigator.clipboard?.writeText(text).catch(() => undefined)}
          >
            {t("message.copy")}
          </MenuItem>
        )}
        <MenuItem icon={<Info size={18} aria-hidden />} onSelect={() => showDetails(message)}>
          {t("message.details")}
        </MenuItem>
      </Menu>
    </div>
  );
}

/** What stands under a message that did not go out as it should: one sentence, and what to do. */
function Trouble({ message }: { message: Message }) {
  const { t } = useSpeech();
  const { edit } = useThreadActions();
  const retry = useRetry();
  const resolve = useResolve();
  if (message.direction !== "outgoing") return null;
  switch (message.status) {
    case "failed":
    case "expired":
      return (
        <p className="trouble-line">
          <Remedy
            kind={message.kind}
            code={message.status === "expired" ? "expired" : message.error?.code}
            detail={message.error?.detail}
            busy={retry.isPending}
            onRetry={() => retry.mutate(message)}
            onEdit={message.text ? () => edit(message.text ?? "") : undefined}
          />
        </p>
      );
    case "unknown":
      return (
        <p className="trouble-line warn">
          <span>{t("message.unknownText")}</span>
          <button type="button" onClick={() => resolve.mutate({ message, as: "sent" })}>
            {t("message.markSent")}
          </button>
          <button type="button" disabled={retry.isPending} onClick={() => retry.mutate(message)}>
            {t("message.sendAgain")}
          </button>
        </p>
      );
    case "pending":
      return <Waiting message={message} onCancel={() => resolve.mutate({ message, as: "cancelled" })} />;
    default:
      return null;
  }
}

/** Shown only where a message waits for longer than a moment. */
function Waiting({ message, onCancel }: { message: Message; onCancel: () => void }) {
  const { t } = useSpeech();
  const [waiting, setWaiting] = useState(false);
  useEffect(() => {
    const age = Date.now() - new Date(message.at).getTime();
    const timer = setTimeout(() => setWaiting(true), Math.max(0, MOMENT - age));
    return () => clearTimeout(timer);
  }, [message.at]);
  if (!waiting) return null;
  return (
    <p className="trouble-line calm">
      <span>{t("message.waitingSession")}</span>
      <button type="button" onClick={onCancel}>
        {t("message.cancel")}
      </button>
    </p>
  );
}
