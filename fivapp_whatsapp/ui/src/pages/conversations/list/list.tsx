import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowUp } from "lucide-react";
import { Suspense, useEffect, useMemo, useRef, useState } from "react";
import { lazily } from "../../../lib/lazily";
import { keys } from "../../../api/keys";
import { shorten, useConversations } from "../../../api/queries";
import type { Conversation } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { watched } from "../../../lib/external";
import { steady } from "../../../lib/steady";
import type { Filter } from "../../../live/belongs";
import { useLive } from "../../../live/provider";
import { Loading } from "../../../parts/empty";
import { Problems } from "../../../parts/problems";
import { ConversationRow } from "./row";

const EmptyList = lazily(() => import("./empty-list"));
const ROW = 76;
const AHEAD = 12;

/** The ids of the list in the order that is shown: what J and K walk. */
export const shownOrder = watched<readonly string[]>([]);

/** Returns the conversations of all pages, each once, in their order. */
function useItems(pages: readonly { items: readonly Conversation[] }[] | undefined) {
  return useMemo(() => {
    const byId = new Map<string, Conversation>();
    for (const page of pages ?? []) for (const one of page.items) if (!byId.has(one.id)) byId.set(one.id, one);
    return { byId, ids: [...byId.keys()] };
  }, [pages]);
}

/** Returns an order that stays while it is held, and how many have moved meanwhile. */
function useSteadyOrder(ids: readonly string[], held: boolean, name: string) {
  const [shown, setShown] = useState({ ids, name });
  const next = steady(shown.name === name ? shown.ids : [], ids, held);
  const same = next.ids.length === shown.ids.length && next.ids.every((id, index) => id === shown.ids[index]);
  if (!same || shown.name !== name) setShown({ ids: next.ids, name });
  return { order: next.ids, waiting: next.waiting, letGo: () => setShown({ ids, name }) };
}

interface Props {
  filter: Filter;
  selected: string | null;
  /** Whether it is seen: while somebody searches, it only keeps its place. */
  active: boolean;
}

export function ConversationList({ filter, selected, active }: Props) {
  const { t } = useSpeech();
  const { me } = useLive();
  const query = useConversations(filter, me.id);
  const [held, setHeld] = useState(false);
  const { byId, ids } = useItems(query.data?.pages);
  const { order, waiting, letGo } = useSteadyOrder(ids, held, JSON.stringify(filter));
  const scroller = useRef<HTMLDivElement>(null);
  const hidden = useRef(!active);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtualizer's functions stay in this component
  const virtual = useVirtualizer({
    count: order.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => order[index] ?? index,
    overscan: 6,
  });
  const items = virtual.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;

  useEffect(() => {
    if (active) shownOrder.set(order);
  }, [order, active]);

  useEffect(() => {
    if (!held && (scroller.current?.scrollTop ?? 0) < ROW) shorten(keys.list(filter));
  }, [held, filter, order.length]);

  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= order.length - AHEAD) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, last, order.length]);

  useEffect(() => {
    const index = selected === null || hidden.current ? -1 : shownOrder.get().indexOf(selected);
    if (index >= 0) virtual.scrollToIndex(index, { align: "auto" });
  }, [selected, virtual]);
  useEffect(() => {
    hidden.current = !active;
  }, [active]);

  if (query.isPending) return <Loading label={t("app.loading")} />;
  if (query.isError && query.data === undefined)
    return <Problems title={t("inbox.failed")} error={query.error} onRetry={() => void query.refetch()} />;
  if (order.length === 0)
    return (
      <Suspense fallback={<Loading label={t("app.loading")} />}>
        <EmptyList filter={filter} />
      </Suspense>
    );
  return (
    <div
      className="list-frame"
      onPointerEnter={(event) => event.pointerType === "mouse" && setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={(event) => event.target.matches(":focus-visible") && setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      {waiting > 0 && (
        <button type="button" className="pill top" onClick={letGo}>
          <ArrowUp size={15} aria-hidden />
          {t("inbox.updated", { n: waiting })}
        </button>
      )}
      <div ref={scroller} className="scroller" role="list" aria-label={t("inbox.list")} tabIndex={-1}>
        <div className="tall" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const conversation = byId.get(order[item.index] ?? "");
            if (conversation === undefined) return null;
            return (
              <div
                key={item.key}
                className="placed"
                style={{ transform: `translateY(${item.start}px)`, height: ROW }}
                role="presentation"
              >
                <ConversationRow
                  conversation={conversation}
                  selected={conversation.id === selected}
                  position={item.index + 1}
                  total={hasNextPage ? -1 : order.length}
                />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
