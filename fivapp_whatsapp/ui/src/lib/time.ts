const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export type Language = "pt-BR" | "en";

const formats = new Map<string, Intl.DateTimeFormat>();

/** Returns whose order of day and month counts: English has more than one, and the browser's own region knows which. */
function regionOf(language: Language, browser: string): string {
  if (language !== "en") return language;
  return /^en-\w/i.test(browser) ? browser : "en-GB";
}

function format(language: Language, key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const region = regionOf(language, navigator.language);
  const name = `${region} ${key}`;
  let found = formats.get(name);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(region, options);
    formats.set(name, found);
  }
  return found;
}

/** Returns 14:05, or 2:05 PM where a region counts so. */
export function clock(at: string | Date, language: Language): string {
  return format(language, "clock", { timeStyle: "short" }).format(new Date(at));
}

/** Returns the number of midnights between two moments, in this time zone. */
export function daysBetween(before: Date, after: Date): number {
  const start = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return Math.round((start(after) - start(before)) / DAY);
}

/** Names a time that is to come: its clock, and its day where that is not today. */
export function comingTime(at: Date, now: Date, language: Language): string {
  if (daysBetween(now, at) <= 0) return clock(at, language);
  const day = format(language, "day true", { day: "2-digit", month: "2-digit" });
  return `${clock(at, language)} (${day.format(at)})`;
}

/** Returns 14:05, ontem, seg., 12/03 or 12/03/24: as short as it stays clear. */
export function shortTime(at: string, now: Date, language: Language, yesterday: string): string {
  const date = new Date(at);
  const days = daysBetween(date, now);
  if (days <= 0) return clock(date, language);
  if (days === 1) return yesterday;
  if (days < 7) return format(language, "weekday", { weekday: "short" }).format(date);
  const sameYear = date.getFullYear() === now.getFullYear();
  const year = sameYear ? {} : ({ year: "2-digit" } as const);
  return format(language, `day ${sameYear}`, { day: "2-digit", month: "2-digit", ...year }).format(date);
}

/** Returns the words of a day separator: hoje, ontem, segunda-feira, 12 de março. */
export function dayName(at: string, now: Date, language: Language, today: string, yesterday: string): string {
  const date = new Date(at);
  const days = daysBetween(date, now);
  if (days <= 0) return today;
  if (days === 1) return yesterday;
  if (days < 7) return format(language, "long weekday", { weekday: "long" }).format(date);
  const sameYear = date.getFullYear() === now.getFullYear();
  const year = sameYear ? {} : ({ year: "numeric" } as const);
  return format(language, `long day ${sameYear}`, { day: "numeric", month: "long", ...year }).format(date);
}

/** Returns date, time and zone: what hovering over a time shows. */
export function wholeTime(at: string, language: Language): string {
  return format(language, "whole", { dateStyle: "full", timeStyle: "long" }).format(new Date(at));
}

/** Returns 12/03/2026, 14:05. */
export function dateAndTime(at: string, language: Language): string {
  const day = format(language, "day", { day: "2-digit", month: "2-digit", year: "numeric" });
  return `${day.format(new Date(at))}, ${clock(at, language)}`;
}

/** Returns whole minutes between two moments, at least 0. */
export function minutesBetween(from: string | number, to: number): number {
  return Math.max(0, Math.floor((to - new Date(from).getTime()) / MINUTE));
}

/** Returns 5 min, 2 h, 3 d. */
export function duration(minutes: number): string {
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / (24 * 60))} d`;
}

/** Returns how long ago something was: 10 s, 5 min, 2 h; at least 1 s, where two clocks differ. */
export function elapsed(at: string, now: number): string {
  const seconds = Math.max(1, Math.floor((now - new Date(at).getTime()) / 1000));
  return seconds < 60 ? `${seconds} s` : duration(Math.floor(seconds / 60));
}

/** Returns 0:07 or 1:02:03 for a length in seconds. */
export function length(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Returns 820 B, 12 KB, 3.4 MB in the language's own spelling. */
export function fileSize(bytes: number, language: Language): string {
  const number = (value: number, digits: number) =>
    new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${number(bytes / 1024, 0)} KB`;
  return `${number(bytes / (1024 * 1024), 1)} MB`;
}
