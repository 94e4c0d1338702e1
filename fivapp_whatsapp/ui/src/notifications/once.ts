import { base } from "../base";

/** Tabs hear of a message at nearly the same time; one that was frozen hears of it later. */
const HELD = 60_000;

/**
 * Does something for a message in one tab alone: the one that takes its lock first, and keeps it until no other tab
 * will ask any more.
 */
export async function once(what: string, id: string, act: () => unknown): Promise<void> {
  if (navigator.locks == null) {
    await act();
    return;
  }
  await new Promise<void>((done) => {
    void navigator.locks
      .request(`fivapp${base}.${what}.${id}`, { ifAvailable: true }, async (lock) => {
        if (lock !== null) await act();
        done();
        if (lock !== null) await new Promise((later) => setTimeout(later, HELD));
      })
      .catch(done);
  });
}
