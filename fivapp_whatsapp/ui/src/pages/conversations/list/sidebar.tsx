import { ChevronDown, Plus, Search, X } from "lucide-react";
import { Suspense, useEffect, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { useLabels } from "../../../api/queries";
import { lazily } from "../../../lib/lazily";
import type { View } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { watched, useWatched } from "../../../lib/external";
import { Menu, MenuChoice } from "../../../parts/menu";
import { newConversation } from "../new-conversation-state";
import { ConversationList } from "./list";
import { useLocation } from "wouter";

const SearchResults = lazily(() => import("../search/results"));
const FIRST: readonly (View | null)[] = [null, "to_answer", "mine"];
const MORE: readonly View[] = ["unassigned", "groups", "bots", "closed"];
const PAUSE = 220;

/** Asks for the focus on the search field: Ctrl+K. */
export const searchWanted = watched(0);

export function Sidebar({ selected, target }: { selected: string | null; target: string | null }) {
  const { t } = useSpeech();
  const [view, setView] = useState<View | null>(null);
  const [label, setLabel] = useState<string | null>(null);
  const [typed, setTyped] = useState("");
  const query = useSettled(typed.trim());
  const searching = query !== "";
  const field = useRef<HTMLInputElement>(null);
  return (
    <aside className="sidebar" aria-label={t("inbox.title")}>
      <header className="sidebar-head">
        <h1>{t("inbox.title")}</h1>
        <button
          type="button"
          className="icon-button main"
          aria-label={t("inbox.new")}
          title={t("inbox.new")}
          onClick={() => newConversation.set({ to: "" })}
        >
          <Plus size={20} aria-hidden />
        </button>
      </header>
      <SearchField field={field} value={typed} onChange={setTyped} />
      {!searching && (
        <Filters
          view={view}
          label={label}
          onChange={(next, nextLabel) => {
            setView(next);
            setLabel(nextLabel);
          }}
        />
      )}
      <div className="lists">
        {/* Hidden, not gone: after a search the list is where it was. */}
        <div className="list-place" inert={searching} data-hidden={searching}>
          <ConversationList filter={{ view, label, query: "" }} selected={selected} active={!searching} />
        </div>
        {searching && (
          <Suspense fallback={null}>
            <SearchResults query={query} selected={selected} target={target} field={field} />
          </Suspense>
        )}
      </div>
    </aside>
  );
}

/** Returns a text once nothing was typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), text === "" ? 0 : PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

interface SearchProps {
  field: RefObject<HTMLInputElement | null>;
  value: string;
  onChange: (text: string) => void;
}

function SearchField({ field, value, onChange }: SearchProps) {
  const { t } = useSpeech();
  const wanted = useWatched(searchWanted);
  const [path, go] = useLocation();
  // Where somebody was before they searched: Escape leads back there.
  const before = useRef<string | null>(null);
  useEffect(() => {
    if (wanted > 0) field.current?.select();
  }, [wanted, field]);

  function change(text: string) {
    if (value === "" && text !== "") before.current = path;
    onChange(text);
  }

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.nativeEvent.isComposing) return;
    const first = document.querySelector<HTMLAnchorElement>(".results a.row");
    if (event.key === "Escape") {
      if (value !== "" && before.current !== null && before.current !== path) go(before.current);
      change("");
      field.current?.blur();
      event.stopPropagation();
    } else if (event.key === "ArrowDown" && first !== null) {
      event.preventDefault();
      first.focus();
    } else if (event.key === "Enter") first?.click();
  }

  return (
    <div className="search">
      <Search size={18} aria-hidden />
      <input
        ref={field}
        type="search"
        className="input"
        value={value}
        maxLength={200}
        placeholder={t("inbox.search")}
        aria-label={t("inbox.search")}
        onChange={(event) => change(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {value !== "" && (
        <button
          type="button"
          className="icon-button slim"
          aria-label={t("inbox.clearSearch")}
          onClick={() => change("")}
        >
          <X size={16} aria-hidden />
        </button>
      )}
    </div>
  );
}

interface FilterProps {
  view: View | null;
  label: string | null;
  onChange: (view: View | null, label: string | null) => void;
}

function Filters({ view, label, onChange }: FilterProps) {
  const { t } = useSpeech();
  const inMore = view !== null && !FIRST.includes(view);
  const name = view === "label" ? t("inbox.filter.label", { label: label ?? "" }) : t(`inbox.filter.${view ?? "all"}`);
  return (
    <div className="filters" role="group" aria-label={t("inbox.filters")}>
      {FIRST.map((one) => (
        <button
          key={one ?? "all"}
          type="button"
          className="filter"
          aria-pressed={view === one}
          onClick={() => onChange(one, null)}
        >
          {t(`inbox.filter.${one ?? "all"}`)}
        </button>
      ))}
      <Menu
        trigger={
          <button type="button" className="filter" aria-pressed={inMore}>
            {inMore ? name : <span className="hidden">{t("inbox.filters")}</span>}
            <ChevronDown size={16} aria-hidden />
          </button>
        }
      >
        <MoreFilters view={view} label={label} onChange={onChange} />
      </Menu>
    </div>
  );
}

function MoreFilters({ view, label, onChange }: FilterProps) {
  const { t } = useSpeech();
  const labels = useLabels().data ?? [];
  const options = [
    ...MORE.map((one) => [one as string, t(`inbox.filter.${one}`)] as const),
    ...labels.map((one) => [`label:${one}`, t("inbox.filter.label", { label: one })] as const),
  ];
  return (
    <MenuChoice
      label={t("inbox.filters")}
      value={view === "label" ? `label:${label ?? ""}` : (view ?? "")}
      options={options}
      onChange={(next) => (next.startsWith("label:") ? onChange("label", next.slice(6)) : onChange(next as View, null))}
    />
  );
}
