import {
  ArrowLeft,
  Bot,
  CircleCheck,
  Clock,
  EllipsisVertical,
  MailOpen,
  PanelRight,
  RotateCcw,
  UserPlus,
  UserRound,
} from "lucide-react";
import { Link } from "wouter";
import { useAccounts } from "../../../api/queries";
import type { Conversation } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useMinute } from "../../../lib/clock";
import { addressText } from "../../../lib/phones";
import { snoozes } from "../../../lib/snooze";
import { duration, minutesBetween } from "../../../lib/time";
import { botAnswers } from "../../../live/belongs";
import { useLive } from "../../../live/provider";
import { Avatar } from "../../../parts/avatar";
import { Menu, MenuChoice, MenuItem, MenuLine } from "../../../parts/menu";
import { useChange, useClose } from "../changes";

interface Props {
  conversation: Conversation;
  panel: boolean;
  onPanel: () => void;
  onMarkUnread: () => void;
}

export function Header({ conversation, panel, onPanel, onMarkUnread }: Props) {
  const { t } = useSpeech();
  const close = useClose(conversation.id);
  const closed = conversation.status === "closed";
  const number = addressText(conversation.chatId);
  return (
    <header className="thread-head">
      <Link to="/conversations" className="icon-button back" aria-label={t("common.back")}>
        <ArrowLeft size={22} aria-hidden />
      </Link>
      <Avatar name={conversation.title} id={conversation.chatId} group={conversation.isGroup} size="slim" />
      <div className="thread-title">
        <h2>{conversation.title}</h2>
        <p className="soft small">{conversation.isGroup ? t("conv.group") : number}</p>
      </div>
      <WhoAnswers conversation={conversation} />
      <button type="button" className="button slim close-button" onClick={close}>
        {closed ? <RotateCcw size={16} aria-hidden /> : <CircleCheck size={16} aria-hidden />}
        <span>{closed ? t("conv.reopen") : t("conv.close")}</span>
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t("conv.panel")}
        title={t("conv.panel")}
        aria-pressed={panel}
        onClick={onPanel}
      >
        <PanelRight size={20} aria-hidden />
      </button>
      <Menu
        trigger={
          <button type="button" className="icon-button" aria-label={t("conv.actions")}>
            <EllipsisVertical size={20} aria-hidden />
          </button>
        }
      >
        <MoreActions conversation={conversation} onMarkUnread={onMarkUnread} />
      </Menu>
    </header>
  );
}

function MoreActions({ conversation, onMarkUnread }: { conversation: Conversation; onMarkUnread: () => void }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const change = useChange(conversation.id);
  const close = useClose(conversation.id);
  const closed = conversation.status === "closed";
  const snoozed = conversation.status === "snoozed";
  return (
    <>
      {conversation.assigneeId !== me.id && (
        <MenuItem icon={<UserPlus size={18} aria-hidden />} onSelect={() => change.mutate({ assigneeId: me.id })}>
          {t("conv.assignMe")}
        </MenuItem>
      )}
      <MenuItem icon={<MailOpen size={18} aria-hidden />} onSelect={onMarkUnread}>
        {t("conv.markUnread")}
      </MenuItem>
      {/* Also here: a phone has no room for its button. */}
      <MenuItem
        icon={closed ? <RotateCcw size={18} aria-hidden /> : <CircleCheck size={18} aria-hidden />}
        onSelect={close}
      >
        {closed ? t("conv.reopen") : t("conv.close")}
      </MenuItem>
      <MenuLine />
      {snoozed ? (
        <MenuItem icon={<Clock size={18} aria-hidden />} onSelect={() => change.mutate({ status: "open" })}>
          {t("conv.unsnooze")}
        </MenuItem>
      ) : (
        snoozes(new Date()).map(({ key, until }) => (
          <MenuItem
            key={key}
            icon={<Clock size={18} aria-hidden />}
            onSelect={() => change.mutate({ status: "snoozed", snoozedUntil: until.toISOString() })}
          >
            {t("conv.snooze")}: {t(key)}
          </MenuItem>
        ))
      )}
      <MenuLine />
      <Assignees conversation={conversation} />
    </>
  );
}

function Assignees({ conversation }: { conversation: Conversation }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const accounts = useAccounts();
  const change = useChange(conversation.id);
  const people = new Map<string, string>([["", t("conv.unassign")]]);
  people.set(me.id, me.name || t("common.you"));
  for (const one of accounts.data ?? []) people.set(one.id, one.name || (one.login ?? one.id));
  const assignee = conversation.assigneeId ?? "";
  if (!people.has(assignee)) people.set(assignee, assignee);
  return (
    <MenuChoice
      label={t("conv.assign")}
      value={assignee}
      options={[...people]}
      onChange={(id) => change.mutate({ assigneeId: id === "" ? null : id })}
    />
  );
}

/** Who answers in this conversation, and the way to change it. */
function WhoAnswers({ conversation }: { conversation: Conversation }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const change = useChange(conversation.id);
  const now = useMinute();
  const bot = botAnswers(conversation, now);
  const paused =
    !bot && conversation.pausedUntil != null
      ? minutesBetween(new Date(now).toISOString(), new Date(conversation.pausedUntil).getTime())
      : null;
  return (
    <div className="who" data-who={bot ? "bot" : "human"}>
      {bot ? <Bot size={16} aria-hidden /> : <UserRound size={16} aria-hidden />}
      <span className="who-text">
        {bot ? t("who.bot") : paused !== null ? t("who.back", { time: duration(paused + 1) }) : t("who.human")}
      </span>
      <button
        type="button"
        onClick={() =>
          change.mutate(
            bot
              ? { answeredBy: "human", ...(conversation.assigneeId == null ? { assigneeId: me.id } : {}) }
              : { answeredBy: "bot" },
          )
        }
      >
        {bot ? t("who.takeOver") : t("who.giveBack")}
      </button>
    </div>
  );
}
