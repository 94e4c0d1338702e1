import { useEffect, useRef, type KeyboardEvent, type RefObject } from "react";
import { Link } from "wouter";
import { useConversations, useFoundMessages } from "../../../api/queries";
import type { Conversation, Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useMinute } from "../../../lib/clock";
import { highlight } from "../../../lib/hits";
import { addressText } from "../../../lib/phones";
import { authorName, preview } from "../../../lib/preview";
import { shortTime, wholeTime } from "../../../lib/time";
import type { Filter } from "../../../live/belongs";
import { useLive } from "../../../live/provider";
import { Avatar } from "../../../parts/avatar";
import { Loading } from "../../../parts/empty";
import { Problems } from "../../../parts/problems";
import EmptyList from "../list/empty-list";
import { shownOrder } from "../list/list";
import { ConversationRow } from "../list/row";
import { stepOf } from "./steps";

const NEAR_END = 600;

interface Props {
  query: string;
  selected: string | null;
  /** The message of the address. */
  target: string | null;
  field: RefObject<HTMLInputElement | null>;
}

/** What a search found: conversations by name or number, and messages by their texts. */
export default function SearchResults({ query, selected, target, field }: Props) {
  const { t } = useSpeech();
  const { me } = useLive();
  const filter: Filter = { view: null, label: null, query };
  const named = useConversations(filter, me.id);
  const found = useFoundMessages(query);
  const frame = useRef<HTMLDivElement>(null);
  const conversations = (named.data?.pages ?? []).flatMap((page) => page.items);
  const pages = found.data?.pages ?? [];
  const messages = pages.flatMap((page) => page.items);
  const around = new Map(pages.flatMap((page) => page.conversations).map((one) => [one.id, one]));

  const order = [...new Set([...conversations.map((one) => one.id), ...messages.map((one) => one.conversationId)])];
  const orderText = order.join(" ");
  useEffect(() => shownOrder.set(orderText === "" ? [] : orderText.split(" ")), [orderText]);

  function onKeyDown(event: KeyboardEvent<HTMLDivElement>) {
    const links = [...(frame.current?.querySelectorAll<HTMLElement>("a.row, button") ?? [])];
    const next = stepOf(event.key, links.indexOf(document.activeElement as HTMLElement), links.length);
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (next < 0) field.current?.focus();
    else links[next]?.focus();
  }

  function onScroll() {
    const element = frame.current;
    if (element === null || !found.hasNextPage || found.isFetchingNextPage) return;
    if (element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END) void found.fetchNextPage();
  }

  if (named.isPending || found.isLoading) return <Loading label={t("app.loading")} />;
  const failed = [named, found].find((one) => one.isError && one.data === undefined);
  if (failed !== undefined)
    return (
      <Problems
        title={t("search.failed")}
        error={failed.error}
        onRetry={() => void [named.refetch(), found.refetch()]}
      />
    );
  if (conversations.length + messages.length === 0) return <EmptyList filter={filter} />;
  return (
    <div ref={frame} className="scroller results" onKeyDown={onKeyDown} onScroll={onScroll}>
      {conversations.length > 0 && (
        <section aria-labelledby="found-conversations">
          <h2 id="found-conversations">{t("search.conversations")}</h2>
          <div role="list">
            {conversations.map((one, index) => (
              <div key={one.id} className="result">
                <ConversationRow
                  conversation={one}
                  selected={one.id === selected && target === null}
                  position={index + 1}
                  total={named.hasNextPage ? -1 : conversations.length}
                />
              </div>
            ))}
          </div>
          {named.hasNextPage && (
            <button type="button" className="button slim more" onClick={() => void named.fetchNextPage()}>
              {t("search.more")}
            </button>
          )}
        </section>
      )}
      {messages.length > 0 && (
        <section aria-labelledby="found-messages">
          <h2 id="found-messages">{t("search.messages")}</h2>
          <div role="list">
            {messages.map((message, index) => (
              <FoundMessage
                key={message.id}
                message={message}
                conversation={around.get(message.conversationId)}
                query={query}
                selected={message.id === target}
                position={index + 1}
                total={found.hasNextPage ? -1 : messages.length}
              />
            ))}
          </div>
          {found.isFetchingNextPage && <Loading label={t("app.loading")} />}
        </section>
      )}
    </div>
  );
}

interface FoundProps {
  message: Message;
  conversation: Conversation | undefined;
  query: string;
  selected: boolean;
  position: number;
  total: number;
}

function FoundMessage({ message, conversation, query, selected, position, total }: FoundProps) {
  const { t, language } = useSpeech();
  const { me } = useLive();
  const now = useMinute();
  const chat = conversation?.chatId ?? "";
  const title = conversation?.title || addressText(chat) || chat;
  const own = message.author.kind === "agent" && message.author.id === me.id;
  const who = own ? t("common.you") : authorName(message, title, t);
  return (
    <div role="listitem" aria-setsize={total} aria-posinset={position} className="row-item result">
      <Link
        to={`/conversations/${message.conversationId}?message=${message.id}`}
        className="row"
        aria-current={selected ? "page" : undefined}
        data-found={message.id}
      >
        <Avatar name={title} id={chat} group={conversation?.isGroup ?? false} />
        <span className="row-body">
          <span className="row-top">
            <span className="row-name">{title}</span>
            <time className="row-time" dateTime={message.at} title={wholeTime(message.at, language)}>
              {shortTime(message.at, new Date(now), language, t("common.yesterday"))}
            </time>
          </span>
          <span className="row-text">
            {(message.direction === "outgoing" || conversation?.isGroup) && `${who}: `}
            {highlight(preview(message, t), query).map((part, index) =>
              part.hit ? <mark key={index}>{part.text}</mark> : part.text,
            )}
          </span>
        </span>
      </Link>
    </div>
  );
}
