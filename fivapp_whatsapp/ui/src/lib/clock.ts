import { useEffect, useState } from "react";

const MINUTE = 60_000;

/**
 * Returns the time, anew at each full minute, or at each one that has gone since a moment: only what shows ages is drawn
 * again.
 */
export function useMinute(since: string | null = null): number {
  const [now, setNow] = useState(Date.now);
  const from = since === null ? 0 : Date.parse(since) || 0;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    // A moment that lies ahead, by another clock, has minutes too.
    const wait = () => MINUTE - ((((Date.now() - from) % MINUTE) + MINUTE) % MINUTE);
    const tick = () => {
      setNow(Date.now());
      timer = setTimeout(tick, wait());
    };
    timer = setTimeout(tick, wait());
    return () => clearTimeout(timer);
  }, [from]);
  return now;
}
