import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import type { Conversation } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import type { Row } from "../../../lib/rows";
import { RowView } from "./row-view";

const NEAR_END = 80;
const NEAR_START = 800;
const MARKED = 2_000;
const PAGES_TO_TARGET = 100;

interface Props {
  conversation: Conversation;
  rows: readonly Row[];
  /** The message to go to, from the address. */
  target: string | null;
  hasOlder: boolean;
  loadingOlder: boolean;
  onOlder: () => void;
  /** Its end is looked at, and nothing else of it. */
  onEnd: () => void;
  /** The incoming messages that are in view, oldest first. */
  onSeen: (messageIds: readonly string[]) => void;
}

type Virtual = Virtualizer<HTMLDivElement, Element>;

function estimate(row: Row | undefined): number {
  if (row === undefined || row.type !== "message") return 52;
  if (row.message.kind === "image" || row.message.kind === "video") return 260;
  return 44 + Math.ceil((row.message.text?.length ?? 0) / 60) * 20;
}

export function Messages({ conversation, rows, target, hasOlder, loadingOlder, onOlder, onEnd, onSeen }: Props) {
  const { t } = useSpeech();
  const scroller = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtualizer's functions stay in this component
  const virtual: Virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => estimate(rows[index]),
    getItemKey: (index) => rows[index]?.key ?? index,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: NEAR_END,
    overscan: 8,
    paddingStart: 16,
    paddingEnd: 12,
  });
  const items = virtual.getVirtualItems();
  const { atEnd, look } = useAtEnd(virtual, scroller, rows);
  useHeldPlace(virtual, scroller, rows);
  const below = useNewBelow(rows, atEnd);
  const marked = useOpening(virtual, rows, target, hasOlder, onOlder);
  useOwnSends(virtual, rows);
  useSeen(rows, items[items.length - 1]?.index, scroller, virtual, onSeen);

  const start = items[0]?.index ?? 0;
  useEffect(() => {
    if (hasOlder && !loadingOlder && start < 8 && (scroller.current?.scrollTop ?? 0) < NEAR_START) onOlder();
  }, [hasOlder, loadingOlder, start, onOlder, rows.length]);

  useEffect(() => {
    if (atEnd && target === null) onEnd();
  }, [atEnd, target, onEnd, rows.length]);

  return (
    <div className="messages">
      <div
        ref={scroller}
        className="scroller"
        onScroll={look}
        // Reached by keyboard, it scrolls with the arrows.
        tabIndex={0}
        role="group"
        aria-label={t("thread.messages", { name: conversation.title })}
      >
        <div className="tall" role="list" style={{ height: virtual.getTotalSize() }}>
          {loadingOlder && (
            <div className="older" role="status">
              <span className="spinner" aria-hidden />
              <span className="hidden">{t("thread.loadingOlder")}</span>
            </div>
          )}
          {items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                data-row={row.key}
                className={`placed thread-row${marked === row.key ? " marked" : ""}`}
                style={{ transform: `translateY(${item.start}px)` }}
                role="listitem"
                aria-setsize={hasOlder ? -1 : rows.length}
                aria-posinset={item.index + 1}
              >
                <RowView row={row} />
              </div>
            );
          })}
        </div>
        {rows.length === 0 && <p className="soft nothing">{t("thread.empty")}</p>}
      </div>
      {!atEnd && (
        <button
          type="button"
          className="pill bottom"
          aria-label={below > 0 ? t("thread.downNew", { n: below }) : t("thread.down")}
          onClick={() => virtual.scrollToEnd()}
        >
          <ArrowDown size={17} aria-hidden />
          {below > 0 && <span>{below}</span>}
        </button>
      )}
    </div>
  );
}

/**
 * Whether the end is in view, as far as a reader would say so; it stays in view whatever comes or is forgotten.
 *
 * What comes faster than it is scrolled to, or is forgotten at the start, moves the end away from a reader who has not
 * left it: only scrolling does.
 */
function useAtEnd(virtual: Virtual, scroller: RefObject<HTMLDivElement | null>, rows: readonly Row[]) {
  const [atEnd, setAtEnd] = useState(true);
  const before = useRef<{ top: number; height: number } | null>(null);
  const look = () => {
    const element = scroller.current;
    if (element === null) return;
    const now = { top: element.scrollTop, height: element.scrollHeight };
    // Asked of the element: the virtualizer hears of this very scrolling only afterwards.
    if (now.height - now.top - element.clientHeight <= NEAR_END) setAtEnd(true);
    else if (hasScrolled(before.current, now)) setAtEnd(false);
    before.current = now;
  };
  useLayoutEffect(() => {
    // Not before the thread has been opened where one wants to read.
    if (atEnd && before.current !== null) virtual.scrollToEnd();
  }, [rows, atEnd, virtual]);
  return { atEnd, look };
}

/**
 * What one reads stays where it is when older messages come above it.
 *
 * The virtualizer sees to it by the row at the top of the view. Where that is the name of a day, it is gone once older
 * messages of that day are there: then the start would stay in view, and ask for what is older still, to the very first.
 */
function useHeldPlace(virtual: Virtual, scroller: RefObject<HTMLDivElement | null>, rows: readonly Row[]): void {
  const first = rows[0]?.key;
  const held = useRef<{ first: string; key: string; top: number; at: number } | null>(null);
  useLayoutEffect(() => {
    const before = held.current;
    // Where it has been moved, by the virtualizer or by a hand, it is left to them.
    if (before === null || before.first === first || scroller.current?.scrollTop !== before.at) return;
    // On iOS, while a finger holds the list, the row is drawn where it was, and not where it stands.
    if (virtual.getVirtualItems().some((one) => one.key === before.key)) return;
    const stands = virtual.measurementsCache[rows.findIndex((row) => row.key === before.key)];
    if (stands !== undefined) virtual.scrollToOffset(stands.start - before.top);
  }, [rows, first, scroller, virtual]);
  useEffect(() => {
    const element = scroller.current;
    if (element === null || first === undefined) return undefined;
    const note = () => {
      const at = element.scrollTop;
      const item = virtual.getVirtualItems().find((one) => one.end > at && rows[one.index]?.type === "message");
      const key = rows[item?.index ?? -1]?.key;
      held.current = item === undefined || key === undefined ? null : { first, key, top: item.start - at, at };
    };
    note();
    element.addEventListener("scroll", note, { passive: true });
    return () => element.removeEventListener("scroll", note);
  }, [rows, first, scroller, virtual]);
}

function hasScrolled(before: { top: number; height: number } | null, now: { top: number; height: number }): boolean {
  if (before === null || now.height === before.height) return true;
  return now.height > before.height && now.top < before.top;
}

/** Returns how many messages have come in below since the end was left. */
function useNewBelow(rows: readonly Row[], atEnd: boolean): number {
  const last = rows[rows.length - 1]?.key ?? "";
  const [left, setLeft] = useState(last);
  if (atEnd && left !== last) setLeft(last);
  if (atEnd) return 0;
  const from = rows.findLastIndex((row) => row.key === left);
  return rows.slice(from + 1).filter((row) => row.type === "message" && row.message.direction === "incoming").length;
}

/** Opens a thread where one wants to read: at the message of the address, at the first unread one, or at the end. */
function useOpening(
  virtual: Virtual,
  rows: readonly Row[],
  target: string | null,
  hasOlder: boolean,
  onOlder: () => void,
): string | null {
  const opened = useRef(false);
  const tries = useRef({ target, count: 0 });
  const [marked, setMarked] = useState<string | null>(null);
  const reached = useRef<string | null>(null);

  useLayoutEffect(() => {
    if (opened.current || rows.length === 0) return;
    opened.current = true;
    const unread = rows.findIndex((row) => row.type === "unread");
    if (target !== null) return;
    if (unread >= 0) virtual.scrollToIndex(unread, { align: "start" });
    else virtual.scrollToEnd();
  }, [rows, target, virtual]);

  useEffect(() => {
    if (target === null || reached.current === target || rows.length === 0) return undefined;
    const index = rows.findIndex((row) => row.type === "message" && row.message.id === target);
    if (index < 0) {
      if (tries.current.target !== target) tries.current = { target, count: 0 };
      tries.current.count += 1;
      if (hasOlder && tries.current.count < PAGES_TO_TARGET) onOlder();
      return undefined;
    }
    virtual.scrollToIndex(index, { align: "center" });
    reached.current = target;
    const key = rows[index]?.key ?? null;
    setTimeout(() => setMarked(key));
    setTimeout(() => setMarked(null), MARKED);
    return undefined;
  }, [target, rows, hasOlder, onOlder, virtual]);
  return marked;
}

/** One's own message always goes down to the end. */
function useOwnSends(virtual: Virtual, rows: readonly Row[]): void {
  const last = rows[rows.length - 1];
  const key = last?.type === "local" ? last.key : null;
  const before = useRef(key);
  useLayoutEffect(() => {
    if (key !== null && key !== before.current) virtual.scrollToEnd();
    before.current = key;
  }, [key, virtual]);
}

/** Tells which incoming messages are in view, whenever that changes. */
function useSeen(
  rows: readonly Row[],
  lastDrawn: number | undefined,
  scroller: RefObject<HTMLDivElement | null>,
  virtual: Virtual,
  onSeen: (messageIds: readonly string[]) => void,
): void {
  const offset = virtual.scrollOffset;
  const told = useRef("");
  useEffect(() => {
    const element = scroller.current;
    if (lastDrawn === undefined || element === null) return;
    const top = element.scrollTop;
    const bottom = top + element.clientHeight;
    const ids = virtual.getVirtualItems().flatMap((item) => {
      const row = rows[item.index];
      const seen = item.end > top && item.start < bottom;
      return seen && row?.type === "message" && row.message.direction === "incoming" ? [row.message.id] : [];
    });
    if (told.current === ids.join()) return;
    told.current = ids.join();
    onSeen(ids);
  }, [rows, lastDrawn, offset, scroller, virtual, onSeen]);
}
