/** Returns the neighbour of a conversation in the list; the first, where none is open. */
export function neighbour(order: readonly string[], selected: string | null, step: 1 | -1): string | null {
  const place = selected === null ? -1 : order.indexOf(selected);
  if (place < 0) return order[0] ?? null;
  return order[Math.min(order.length - 1, Math.max(0, place + step))] ?? null;
}

/** How a conversation was come to: walking by J and K leaves the focus where the next key is heard. */
export interface Walk {
  walk: true;
}

/** Tells whether the page was come to by J or K. */
export function isWalking(): boolean {
  return (history.state as Walk | null)?.walk === true;
}
