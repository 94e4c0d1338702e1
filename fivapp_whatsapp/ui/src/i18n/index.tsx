import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { read, write } from "../lib/storage";
import type { Language } from "../lib/time";
import type { AutomationsKey } from "../pages/automations/words";
import { en } from "./en";
import { pt, type Entry, type Key as CommonKey } from "./pt";

export type Key = CommonKey | AutomationsKey;
export type Words = Record<string, string | number>;
export type Translate = (key: Key, words?: Words) => string;

type Table = Readonly<Record<string, Entry>>;

const TABLES: Record<Language, Table> = { "pt-BR": pt, en };
const STORED = "fivapp.language";

/** Adds the words of a page that is loaded when it is wanted; its keys are among `Key`. */
export function learn(words: Record<Language, Table>): void {
  for (const language of ["pt-BR", "en"] as const) TABLES[language] = { ...TABLES[language], ...words[language] };
}

/** Returns a text in a language; `n` among the words chooses between one and many. */
export function translate(language: Language, key: Key, words: Words = {}): string {
  const entry = TABLES[language][key] ?? key;
  const text = typeof entry === "string" ? entry : entry[plural(language, words.n)];
  return text.replace(/\{(\w+)\}/g, (braces, name: string) => (name in words ? String(words[name]) : braces));
}

function plural(language: Language, n: string | number | undefined): "one" | "other" {
  return new Intl.PluralRules(language).select(Number(n)) === "one" ? "one" : "other";
}

/** Returns the language to begin with: what was chosen, else what the browser prefers. */
export function preferred(stored: string | null, browser: readonly string[]): Language {
  if (stored === "pt-BR" || stored === "en") return stored;
  for (const name of browser) {
    if (/^pt\b/i.test(name)) return "pt-BR";
    if (/^en\b/i.test(name)) return "en";
  }
  return "pt-BR";
}

interface Speech {
  language: Language;
  t: Translate;
  setLanguage: (language: Language) => void;
}

const SpeechContext = createContext<Speech | null>(null);

/** Gives the language to all below; a change in one tab acts in all. */
export function SpeechProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => preferred(read(STORED), navigator.languages));

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  useEffect(() => {
    const follow = (event: StorageEvent) => {
      if (event.key === STORED) setLanguage(preferred(event.newValue, navigator.languages));
    };
    addEventListener("storage", follow);
    return () => removeEventListener("storage", follow);
  }, []);

  const speech = useMemo<Speech>(
    () => ({
      language,
      t: (key, words) => translate(language, key, words),
      setLanguage: (next) => {
        write(STORED, next);
        setLanguage(next);
      },
    }),
    [language],
  );
  return <SpeechContext value={speech}>{children}</SpeechContext>;
}

export function useSpeech(): Speech {
  const speech = useContext(SpeechContext);
  if (speech === null) throw new Error("there is no SpeechProvider above");
  return speech;
}
