import { memo } from "react";
import { Link } from "wouter";
import type { Conversation } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useMinute } from "../../../lib/clock";
import { drafts, isEmpty } from "../../../lib/drafts";
import { useWatched } from "../../../lib/external";
import { addressText } from "../../../lib/phones";
import { preview } from "../../../lib/preview";
import { duration, minutesBetween, shortTime, wholeTime } from "../../../lib/time";
import { locals } from "../../../live/outgoing";
import { Avatar } from "../../../parts/avatar";
import { filesOf } from "../composer/files";
import { Status } from "../status";

const SOON = 5;
const LATE = 30;

interface Props {
  conversation: Conversation;
  selected: boolean;
  position: number;
  total: number;
}

/** One conversation of the list. It is drawn again when it changes, not when its neighbours do. */
export const ConversationRow = memo(function ConversationRow({ conversation, selected, position, total }: Props) {
  const { t } = useSpeech();
  const name = conversation.title || addressText(conversation.chatId) || conversation.chatId;
  return (
    <div role="listitem" aria-setsize={total} aria-posinset={position} className="row-item">
      <Link
        to={`/conversations/${conversation.id}`}
        className="row"
        aria-current={selected ? "page" : undefined}
        data-unread={conversation.unreadCount > 0}
        data-conversation={conversation.id}
      >
        <Avatar name={name} id={conversation.chatId} group={conversation.isGroup} />
        <span className="row-body">
          <span className="row-top">
            <span className="row-name">{name}</span>
            <RowTime conversation={conversation} />
          </span>
          <span className="row-bottom">
            <Preview conversation={conversation} />
            <span className="row-marks">
              <WaitChip conversation={conversation} />
              {conversation.status === "snoozed" && <span className="chip">{t("inbox.snoozed")}</span>}
              {conversation.unreadCount > 0 && (
                <span className="count">
                  <span aria-hidden>{conversation.unreadCount > 999 ? "999+" : conversation.unreadCount}</span>
                  <span className="hidden">{t("inbox.unread", { n: conversation.unreadCount })}</span>
                </span>
              )}
            </span>
          </span>
        </span>
      </Link>
    </div>
  );
});

function RowTime({ conversation }: { conversation: Conversation }) {
  const { t, language } = useSpeech();
  const now = useMinute();
  const at = conversation.lastMessage?.at;
  if (at === undefined) return null;
  return (
    <time className="row-time" dateTime={at} title={wholeTime(at, language)}>
      {shortTime(at, new Date(now), language, t("common.yesterday"))}
    </time>
  );
}

function Preview({ conversation }: { conversation: Conversation }) {
  const { t } = useSpeech();
  const draft = useWatched(drafts)[conversation.id];
  const local = useWatched(locals).findLast((one) => one.conversationId === conversation.id && one.kind !== "note");
  const files = useWatched(filesOf(conversation.id)).length;
  const last = conversation.lastMessage;
  if (files > 0 || (draft !== undefined && !isEmpty(draft))) {
    const text = draft?.text.trim() ?? "";
    return (
      <span className="row-text">
        <em className="draft">{t("inbox.draft")}</em> {text === "" && files > 0 ? t("inbox.files", { n: files }) : text}
      </span>
    );
  }
  if (local !== undefined) {
    return (
      <span className="row-text">
        <em>{t("inbox.sending")}</em> {local.text}
      </span>
    );
  }
  if (last == null) return <span className="row-text">{addressText(conversation.chatId)}</span>;
  const who = conversation.isGroup && last.direction === "incoming" && last.author.name;
  return (
    <span className="row-text">
      {last.direction === "outgoing" && <Status status={last.status} />}
      {who && `${who}: `}
      {preview(last, t)}
    </span>
  );
}

/** How long a customer has waited: it turns at 5 and at 30 minutes, by itself. */
function WaitChip({ conversation }: { conversation: Conversation }) {
  const { t } = useSpeech();
  const now = useMinute(conversation.waitingSince ?? null);
  if (conversation.waitingSince == null || conversation.status !== "open") return null;
  const minutes = minutesBetween(conversation.waitingSince, now);
  if (minutes < SOON) return null;
  const time = duration(minutes);
  return (
    <span className={`chip ${minutes >= LATE ? "bad" : "warn"}`} title={t("inbox.waiting", { time })}>
      <span className="hidden">{t("inbox.waiting", { time })}</span>
      <span aria-hidden>{time}</span>
    </span>
  );
}
