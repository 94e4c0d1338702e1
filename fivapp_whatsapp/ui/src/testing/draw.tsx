/** Draws components into a page, as the browser does, in Portuguese. */
import { QueryClientProvider } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach } from "vitest";
import { queryClient } from "../api/queries";
import { SpeechProvider } from "../i18n";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
localStorage.setItem("fivapp.language", "pt-BR");

const roots: Root[] = [];

afterEach(() => {
  act(() => roots.splice(0).forEach((root) => root.unmount()));
  document.body.replaceChildren();
});

export interface Drawn {
  place: HTMLElement;
  /** Draws something else into the same place. */
  redraw: (node: ReactNode) => void;
  button: (name: string) => HTMLElement | undefined;
}

export function draw(node: ReactNode): Drawn {
  const place = document.body.appendChild(document.createElement("div"));
  const root = createRoot(place);
  roots.push(root);
  const redraw = (next: ReactNode) =>
    act(() =>
      root.render(
        <QueryClientProvider client={queryClient}>
          <SpeechProvider>{next}</SpeechProvider>
        </QueryClientProvider>,
      ),
    );
  redraw(node);
  const button = (name: string) =>
    [...place.querySelectorAll<HTMLElement>("button, a")].find(
      (one) => one.textContent === name || one.getAttribute("aria-label") === name,
    );
  return { place, redraw, button };
}

/** Clicks, and lets everything happen that follows from it. */
export async function click(element: HTMLElement | undefined): Promise<void> {
  if (element === undefined) throw new Error("there is nothing to click");
  await act(async () => element.click());
}
