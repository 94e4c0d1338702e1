/** Returns the neighbour of a conversation in the list; the first, where none is open. */
export function neighbour(order: readonly string[], selected: string | null, step: 1 | -1): string | null {
  const place = selected === null ? -1 : order.indexOf(selected);
  if (place < 0) return order[0] ?? null;
  return order[Math.min(order.length - 1, Math.max(0, place + step))] ?? null;
}
