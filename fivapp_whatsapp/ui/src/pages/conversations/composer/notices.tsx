import { Suspense, useState } from "react";
import { Link } from "wouter";
import { useSessions } from "../../../api/queries";
import type { Conversation, Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useMinute } from "../../../lib/clock";
import { lazily } from "../../../lib/lazily";
import { comingTime, elapsed } from "../../../lib/time";
import { useWatched } from "../../../lib/external";
import { writers } from "../../../live/typing";
import { useLive } from "../../../live/provider";
import { answeredSince, begun, type Begun } from "./collision";

const Unsent = lazily(() => import("./unsent"));

interface Other {
  /** Whether somebody else has answered since the first key of this text, and it was not asked about yet. */
  blocks: boolean;
  asked: { id: string; name: string; time: string } | null;
  ask(): void;
  forget(): void;
}

/** Watches whether a colleague answers while somebody writes: then sending asks once. */
export function useUnansweredBy(conversation: Conversation, messages: readonly Message[], text: string): Other {
  const { me } = useLive();
  const [since, setSince] = useState<Begun | null>(null);
  const [asked, setAsked] = useState<Other["asked"]>(null);
  const loaded = messages.length > 0 || conversation.lastMessage == null;
  const writing = text.trim() !== "" && loaded;
  // At the first key of a text, and when it is gone.
  if (writing !== (since !== null)) {
    setSince(writing ? begun(messages) : null);
    setAsked(null);
  }
  const answer = since === null ? undefined : answeredSince(messages, since, me.id);
  return {
    blocks: answer !== undefined && answer.id !== asked?.id,
    asked,
    ask: () => {
      if (answer === undefined) return;
      const name = answer.author.name ?? conversation.title;
      setAsked({ id: answer.id, name, time: elapsed(answer.at, Date.now()) });
    },
    forget: () => {
      setAsked(null);
      setSince(null);
    },
  };
}

interface Props {
  conversation: Conversation;
  messages: readonly Message[];
  other: Other;
  onSendAnyway: () => void;
}

/** What one should know before one sends. */
export function Notices({ conversation, messages, other, onSendAnyway }: Props) {
  const { t } = useSpeech();
  return (
    <>
      {other.asked !== null && (
        <div className="notice warn" role="alert">
          <span>{t("composer.answered", { name: other.asked.name, time: other.asked.time })}</span>
          <button type="button" className="button slim" onClick={onSendAnyway}>
            {t("composer.sendAnyway")}
          </button>
        </div>
      )}
      <Writers conversationId={conversation.id} />
      {conversation.status === "closed" && (
        <div className="notice" role="status">
          {t("composer.closed")}
        </div>
      )}
      <SessionNotice conversation={conversation} />
      {messages.some(({ status }) => status === "expired" || status === "failed") && (
        <Suspense fallback={null}>
          <Unsent messages={messages} />
        </Suspense>
      )}
    </>
  );
}

/** Which colleagues write here right now. */
function Writers({ conversationId }: { conversationId: string }) {
  const { t } = useSpeech();
  const names = (useWatched(writers)[conversationId] ?? []).map((one) => one.name);
  return (
    <p className="writers" role="status" dir="auto">
      {names.length > 0 && t("composer.writing", { n: names.length, names: names.join(", ") })}
    </p>
  );
}

function SessionNotice({ conversation }: { conversation: Conversation }) {
  const { t, language } = useSpeech();
  const { me } = useLive();
  const now = useMinute();
  const sessions = useSessions();
  const session = sessions.data?.find((one) => one.id === conversation.sessionId);
  if (session === undefined || (session.desired === "running" && session.status === "connected" && !session.problem))
    return null;
  const time = comingTime(new Date(now + me.sendExpiry * 1000), new Date(now), language);
  const word =
    session.desired !== "running"
      ? "composer.stopped"
      : session.status === "restricted"
        ? "composer.limited"
        : "composer.down";
  return (
    <div className="notice" role="status">
      <span>{t(word, { name: session.name, time })}</span>
      {me.role === "admin" && (
        <Link to="/whatsapp-settings" className="button slim">
          {t("error.reconnect")}
        </Link>
      )}
    </div>
  );
}
