/** Returns where a key leads among results: an index, -1 for back to the field, null for a key that leads nowhere. */
export function stepOf(key: string, at: number, count: number): number | null {
  switch (key) {
    case "ArrowDown":
      return Math.min(at + 1, count - 1);
    case "ArrowUp":
      return Math.max(at - 1, -1);
    case "Home":
      return count === 0 ? null : 0;
    case "End":
      return count === 0 ? null : count - 1;
    case "Escape":
      return -1;
    default:
      return null;
  }
}
