/** An order that does not move under the pointer. */

export interface Steady {
  ids: readonly string[];
  /** How many would change their place if the order were let go. */
  waiting: number;
}

/**
 * Returns the order to show: the new one, or while it is held the old one, without what is gone and with what is new
 * behind it only where the old list ended before.
 */
export function steady(before: readonly string[], now: readonly string[], held: boolean): Steady {
  if (!held || before.length === 0) return { ids: now, waiting: 0 };
  const there = new Set(now);
  const shown = new Set(before);
  const kept = before.filter((id) => there.has(id));
  const lastKept = kept.length === 0 ? -1 : Math.max(...kept.map((id) => now.indexOf(id)));
  // What was loaded at the end moves nothing that is seen.
  const loaded = now.slice(lastKept + 1).filter((id) => !shown.has(id));
  const ids = [...kept, ...loaded];
  return { ids, waiting: moved(ids, now) };
}

/** Returns how many ids are new, or have come before one that they stood behind. */
function moved(shown: readonly string[], now: readonly string[]): number {
  const place = new Map(shown.map((id, index) => [id, index]));
  let count = 0;
  let highest = Infinity;
  for (let index = now.length - 1; index >= 0; index -= 1) {
    const at = place.get(now[index] as string);
    if (at === undefined) count += 1;
    else if (at > highest) count += 1;
    else highest = at;
  }
  return count;
}
