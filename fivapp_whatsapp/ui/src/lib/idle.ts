const PATIENCE = 3_000;

/** Does something when the page has nothing else to do, such as loading what will soon be needed. */
export function whenIdle(act: () => unknown): void {
  const later = globalThis.requestIdleCallback ?? ((run: () => void) => setTimeout(run, PATIENCE));
  setTimeout(() => later(() => void act()), PATIENCE);
}
