import { Suspense, useEffect, useMemo, useRef, useState } from "react";
import { lazily } from "../../../lib/lazily";
import { MessageCircleOff } from "lucide-react";
import { Link } from "wouter";
import { problemOf } from "../../../api/problem";
import { keys } from "../../../api/keys";
import { shorten, useConversation, useThread } from "../../../api/queries";
import type { Conversation, Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { draftOf, setDraft } from "../../../lib/drafts";
import { useWatched } from "../../../lib/external";
import { addressText } from "../../../lib/phones";
import { buildRows, firstUnread } from "../../../lib/rows";
import { locals } from "../../../live/outgoing";
import { Empty, Loading } from "../../../parts/empty";
import { Problems } from "../../../parts/problems";
import { attach } from "../composer/files";
import { useDrop } from "../composer/drop";
import { useCan } from "../can";
import { Composer } from "../composer/composer";
import { isWalking } from "../neighbour";
import { Header } from "./header";
import { Messages } from "./messages";
import { Spoken } from "./spoken";
import { ThreadContext, type ThreadActions } from "./context";
import { Details } from "./details";
import { useReading } from "./reading";
import { LightboxHost } from "./lightbox-host";

const Panel = lazily(() => import("./panel"));

/** One conversation: its head, its messages, the field to answer, and what is known of the contact. */
export function Thread({ id, target }: { id: string; target: string | null }) {
  const { t } = useSpeech();
  const conversation = useConversation(id);
  if (conversation.isPending) return <Loading label={t("app.loading")} />;
  if (conversation.isError) {
    if (problemOf(conversation.error).status === 404)
      return (
        <Empty icon={MessageCircleOff} title={t("thread.gone")}>
          <Link to="/conversations" className="button">
            {t("common.back")}
          </Link>
        </Empty>
      );
    return (
      <Problems title={t("thread.failed")} error={conversation.error} onRetry={() => void conversation.refetch()} />
    );
  }
  return <OpenThread key={id} conversation={conversation.data} target={target} />;
}

/** Returns a thread's messages, oldest first. */
function useMessages(pages: readonly { items: readonly Message[] }[] | undefined): readonly Message[] {
  return useMemo(() => (pages ?? []).flatMap((page) => [...page.items]).reverse(), [pages]);
}

function OpenThread({ conversation, target }: { conversation: Conversation; target: string | null }) {
  const { t } = useSpeech();
  // How many were unread when it was opened: the line that tells of them stays until it is left.
  const [unreadAtOpen] = useState(conversation.unreadCount);
  const thread = useThread(conversation.id, unreadAtOpen + 20);
  const messages = useMessages(thread.data?.pages);
  const mine = useWatched(locals);
  const [unread, setUnread] = useState<ReturnType<typeof firstUnread> | undefined>(undefined);
  if (unread === undefined && thread.data !== undefined) setUnread(firstUnread(messages, unreadAtOpen));
  const rows = useMemo(
    () =>
      buildRows({
        messages,
        locals: mine.filter((one) => one.conversationId === conversation.id),
        unread: unread ?? null,
      }),
    [messages, mine, conversation.id, unread],
  );
  const [panel, setPanel] = useState(false);
  const [details, setDetails] = useState<Message | null>(null);
  const [shownImage, setShownImage] = useState<string | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const reading = useReading(conversation, messages);
  const canQuote = useCan(conversation.sessionId, "quote");
  const canAttach = useCan(conversation.sessionId, "media");
  const drop = useDrop((files) => {
    if (!draftOf(conversation.id).note) attach(conversation.id, files);
  }, canAttach);
  const actions = useMemo<ThreadActions>(
    () => ({
      title: conversation.title,
      isGroup: conversation.isGroup,
      number: addressText(conversation.chatId),
      canQuote,
      quote: (message) => {
        setDraft(conversation.id, { ...draftOf(conversation.id), quoted: message, note: false });
        field.current?.focus();
      },
      askAgain: (message, text) => {
        const draft = draftOf(conversation.id);
        // What somebody has begun to write stays.
        setDraft(conversation.id, { text: draft.text.trim() === "" ? text : draft.text, quoted: message, note: false });
        field.current?.focus();
      },
      edit: (text, note = false) => {
        const draft = draftOf(conversation.id);
        // What was meant for colleagues alone never lands in what goes to the customer: the field becomes a note's.
        setDraft(conversation.id, {
          ...draft,
          text: draft.text.trim() === "" ? text : `${draft.text}\n${text}`,
          note: note || (draft.note && draft.text.trim() !== ""),
        });
        field.current?.focus();
      },
      showDetails: setDetails,
      showImage: setShownImage,
    }),
    [conversation.id, conversation.title, conversation.isGroup, conversation.chatId, canQuote],
  );

  useEffect(() => {
    // A finger does not want the keyboard to jump up; and who walks by J and K wants the next key to be heard.
    if (matchMedia("(hover: hover)").matches && !isWalking()) field.current?.focus({ preventScroll: true });
  }, []);

  return (
    <ThreadContext value={actions}>
      <section className="thread" aria-label={conversation.title} {...drop.props}>
        {drop.over && <p className="drop-here">{t("composer.drop")}</p>}
        <Header
          conversation={conversation}
          panel={panel}
          onPanel={() => setPanel(!panel)}
          onMarkUnread={reading.markUnread}
        />
        {thread.isPending ? (
          <Loading label={t("app.loading")} />
        ) : thread.isError && thread.data === undefined ? (
          <Problems title={t("thread.failed")} error={thread.error} onRetry={() => void thread.refetch()} />
        ) : (
          <Messages
            conversation={conversation}
            rows={rows}
            target={target}
            hasOlder={thread.hasNextPage}
            loadingOlder={thread.isFetchingNextPage}
            onOlder={() => void thread.fetchNextPage()}
            onEnd={() => shorten(keys.thread(conversation.id))}
            onSeen={reading.seen}
          />
        )}
        <Spoken conversation={conversation} />
        <Composer conversation={conversation} messages={messages} field={field} />
      </section>
      {panel && (
        <Suspense fallback={null}>
          <Panel conversation={conversation} onClose={() => setPanel(false)} />
        </Suspense>
      )}
      <Details message={details} onClose={() => setDetails(null)} />
      <LightboxHost messages={messages} shown={shownImage} onShow={setShownImage} />
    </ThreadContext>
  );
}
