import { lazy, type ComponentType, type LazyExoticComponent } from "react";

/**
 * Returns a component that is loaded when it is first shown. After a deploy its file may be gone: then the page is told
 * (see layout/newer.tsx) and its place waits, instead of taking with it what was written beside.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as React's own lazy: any props
export function lazily<Part extends ComponentType<any>>(
  load: () => Promise<{ default: Part }>,
): LazyExoticComponent<Part> {
  return lazy(() => load().then(thereOrNever));
}

/** Returns a part that was loaded; waits for ever for one that is gone, which Vite's prevented error leaves undefined. */
export function thereOrNever<Part>(part: Part | undefined): Part | Promise<never> {
  return part ?? new Promise<never>(() => undefined);
}
