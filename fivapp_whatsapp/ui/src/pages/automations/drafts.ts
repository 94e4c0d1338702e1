import { watched } from "../../lib/external";

type Values = Readonly<Record<string, unknown>>;

/** Settings that were changed and not saved, by plugin: they outlive a look at another page, not the tab. */
export const drafts = watched<Readonly<Record<string, Values>>>({});

export function keep(plugin: string, values: Values | null): void {
  drafts.set((all) => {
    const rest = Object.fromEntries(Object.entries(all).filter(([name]) => name !== plugin));
    return values === null ? rest : { ...rest, [plugin]: values };
  });
}

/** Tells whether two values are the same JSON; what is undefined is absent. */
export function sameJson(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other);
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
