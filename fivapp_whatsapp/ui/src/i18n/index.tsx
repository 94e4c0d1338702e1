import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { read, write } from "../lib/storage";
import type { Language } from "../lib/time";
import type { AutomationsKey } from "../pages/automations/words";
import { pt, type Entry, type Key as CommonKey } from "./pt";

export type Key = CommonKey | AutomationsKey;
export type Words = Record<string, string | number>;
export type Translate = (key: Key, words?: Words) => string;

type Table = Readonly<Record<string, Entry>>;

const FIRST: Language = "pt-BR";
// English is loaded where it is wanted: its words are as heavy as a library.
const TABLES: Record<Language, Table> = { "pt-BR": pt, en: {} };
const known = new Set<Language>([FIRST]);
const STORED = "fivapp.language";

/** Adds the words of a page that is loaded when it is wanted; its keys are among `Key`. */
export function learn(words: Record<Language, Table>): void {
  for (const language of ["pt-BR", "en"] as const) TABLES[language] = { ...TABLES[language], ...words[language] };
}

/** Loads the words of a language; until then it speaks Portuguese. Rejects where they cannot be had. */
export async function loadLanguage(language: Language): Promise<void> {
  if (known.has(language)) return;
  const { en } = await import("./en");
  TABLES.en = { ...en, ...TABLES.en };
  known.add("en");
}

/** Loads the words that the first paint needs. */
export function loadPreferred(): Promise<void> {
  return loadLanguage(preferred(read(STORED), navigator.languages));
}

/** Returns a text in a language; `n` among the words chooses between one and many. */
export function translate(language: Language, key: Key, words: Words = {}): string {
  const entry = TABLES[language][key] ?? TABLES[FIRST][key] ?? key;
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
  const [language, setLanguage] = useState(() => {
    const wanted = preferred(read(STORED), navigator.languages);
    return known.has(wanted) ? wanted : FIRST;
  });

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  useEffect(() => {
    const follow = (event: StorageEvent) => {
      if (event.key === STORED) speak(preferred(event.newValue, navigator.languages), setLanguage);
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
        speak(next, setLanguage);
      },
    }),
    [language],
  );
  return <SpeechContext value={speech}>{children}</SpeechContext>;
}

/** Changes to a language as soon as its words are there; without them it stays as it is. */
function speak(language: Language, change: (language: Language) => void): void {
  loadLanguage(language).then(
    () => change(language),
    () => undefined,
  );
}

export function useSpeech(): Speech {
  const speech = useContext(SpeechContext);
  if (speech === null) throw new Error("there is no SpeechProvider above");
  return speech;
}
