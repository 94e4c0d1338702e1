import { useEffect, useState } from "react";
import { Link } from "wouter";
import { useSessions } from "../../../api/queries";
import type { Conversation, Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useMinute } from "../../../lib/clock";
import { readJson, write } from "../../../lib/storage";
import { duration, minutesBetween } from "../../../lib/time";
import { useLive } from "../../../live/provider";
import { useRetry } from "../messages-actions";

const DAY = 24 * 60 * 60_000;
const DISMISSED = "fivapp.dismissed";

interface Other {
  /** Whether somebody else has answered since the first key of this text, and nobody was asked about it yet. */
  blocks: boolean;
  asked: { name: string; at: string } | null;
  ask(): void;
  forget(): void;
}

/** Watches whether a colleague answers while somebody writes: then sending asks once. */
export function useUnansweredBy(conversation: Conversation, messages: readonly Message[], text: string): Other {
  const { me } = useLive();
  const [since, setSince] = useState<number | null>(null);
  const [asked, setAsked] = useState<Other["asked"]>(null);
  const writing = text.trim() !== "";
  useEffect(() => {
    // When the first key of this text was pressed.
    const begun = setTimeout(() => {
      setSince(writing ? Date.now() : null);
      if (!writing) setAsked(null);
    });
    return () => clearTimeout(begun);
  }, [writing]);
  const answer =
    since === null
      ? undefined
      : messages.findLast(
          (message) =>
            message.direction === "outgoing" &&
            message.kind !== "note" &&
            message.kind !== "system" &&
            (message.author.kind === "agent" || message.author.kind === "phone") &&
            message.author.id !== me.id &&
            new Date(message.at).getTime() > since,
        );
  const name = answer?.author.name ?? conversation.title;
  return {
    blocks: answer !== undefined,
    asked,
    ask: () => answer !== undefined && setAsked({ name, at: answer.at }),
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
  const now = useMinute();
  return (
    <>
      {other.asked !== null && (
        <div className="notice warn" role="alert">
          <span>
            {t("composer.answered", {
              name: other.asked.name,
              time: duration(minutesBetween(other.asked.at, now)),
            })}
          </span>
          <button type="button" className="button slim" onClick={onSendAnyway}>
            {t("composer.sendAnyway")}
          </button>
        </div>
      )}
      <SessionNotice conversation={conversation} />
      <UnsentNotice messages={messages} />
    </>
  );
}

function SessionNotice({ conversation }: { conversation: Conversation }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const sessions = useSessions();
  const session = sessions.data?.find((one) => one.id === conversation.sessionId);
  if (session === undefined || (session.desired === "running" && session.status === "connected" && !session.problem))
    return null;
  const stopped = session.desired !== "running";
  return (
    <div className="notice" role="status">
      <span>{t(stopped ? "composer.stopped" : "composer.down", { name: session.name })}</span>
      {me.role === "admin" && (
        <Link to="/whatsapp-settings" className="button slim">
          {t("error.reconnect")}
        </Link>
      )}
    </div>
  );
}

/** After a time without a connection, one bar for all that did not go out. */
function UnsentNotice({ messages }: { messages: readonly Message[] }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const retry = useRetry();
  const now = useMinute();
  const [dismissed, setDismissed] = useState(() => readJson<string[]>(DISMISSED, []));
  const replaced = new Set(messages.map((message) => message.retryOf));
  const unsent = messages.filter(
    (message) =>
      (message.status === "expired" || message.status === "failed") &&
      message.author.id === me.id &&
      !replaced.has(message.id) &&
      !dismissed.includes(message.id) &&
      now - new Date(message.at).getTime() < DAY,
  );
  if (unsent.length < 2) return null;
  const discard = () => {
    const next = [...dismissed, ...unsent.map((message) => message.id)].slice(-500);
    write(DISMISSED, JSON.stringify(next));
    setDismissed(next);
  };
  const resend = async () => {
    for (const message of unsent) await retry.mutateAsync(message).catch(() => undefined);
  };
  return (
    <div className="notice warn" role="status">
      <span>{t("composer.unsent", { n: unsent.length })}</span>
      <button type="button" className="button slim" disabled={retry.isPending} onClick={() => void resend()}>
        {t("composer.resendAll")}
      </button>
      <button type="button" className="button slim quiet" onClick={discard}>
        {t("composer.discardAll")}
      </button>
    </div>
  );
}
