import { useEffect, useMemo, useRef, useState } from "react";
import { useSpeech } from "../../../i18n";
import { thereOrNever } from "../../../lib/lazily";
import { fold } from "../../../lib/fold";
import { readJson, write } from "../../../lib/storage";

interface Emoji {
  unicode: string;
  label: string;
  tags?: string[];
  group?: number;
}

const RECENT = "fivapp.emoji";
const RECENT_MOST = 24;
const SHOWN = 240;
// Components, such as skin tones, are no emoji by themselves.
const COMPONENTS = 2;

const load = {
  "pt-BR": () => import("emojibase-data/pt/compact.json"),
  en: () => import("emojibase-data/en/compact.json"),
};

interface Props {
  onPick: (emoji: string) => void;
  onClose: () => void;
}

/** All emoji, with a search in the language of the page. */
export default function EmojiPicker({ onPick, onClose }: Props) {
  const { t, language } = useSpeech();
  const [all, setAll] = useState<readonly Emoji[]>([]);
  const [query, setQuery] = useState("");
  const [recent, setRecent] = useState(() => readJson<string[]>(RECENT, []));
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    let current = true;
    void load[language]()
      .then(thereOrNever)
      .then((module) => {
        const found = (module.default as Emoji[]).filter((one) => one.group !== undefined && one.group !== COMPONENTS);
        if (current) setAll(found);
      });
    field.current?.focus();
    return () => {
      current = false;
    };
  }, [language]);

  const shown = useMemo(() => {
    const wanted = fold(query.trim());
    if (wanted === "") return all.slice(0, SHOWN);
    return all.filter((one) => fold(`${one.label} ${(one.tags ?? []).join(" ")}`).includes(wanted)).slice(0, SHOWN);
  }, [all, query]);

  function pick(emoji: string) {
    const next = [emoji, ...recent.filter((one) => one !== emoji)].slice(0, RECENT_MOST);
    write(RECENT, JSON.stringify(next));
    setRecent(next);
    onPick(emoji);
  }

  return (
    <div
      className="emoji"
      role="dialog"
      aria-label={t("composer.emoji")}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onClose();
      }}
    >
      <input
        ref={field}
        type="search"
        className="input"
        value={query}
        placeholder={t("emoji.search")}
        aria-label={t("emoji.search")}
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          const first = shown[0];
          if (first !== undefined) pick(first.unicode);
        }}
      />
      <div className="emoji-grid">
        {query === "" && recent.length > 0 && <h3 className="menu-heading">{t("emoji.recent")}</h3>}
        {query === "" &&
          recent.map((one) => (
            <button key={one} type="button" onClick={() => pick(one)}>
              {one}
            </button>
          ))}
        {query === "" && recent.length > 0 && <hr />}
        {shown.map((one) => (
          <button
            key={one.unicode}
            type="button"
            aria-label={one.label}
            title={one.label}
            onClick={() => pick(one.unicode)}
          >
            {one.unicode}
          </button>
        ))}
        {all.length > 0 && shown.length === 0 && <p className="soft">{t("emoji.none")}</p>}
      </div>
    </div>
  );
}
