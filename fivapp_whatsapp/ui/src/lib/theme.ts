import { read, write } from "./storage";
import { watched } from "./external";

export type Theme = "system" | "light" | "dark";

const STORED = "fivapp.theme";

function known(text: string | null): Theme {
  return text === "light" || text === "dark" ? text : "system";
}

export const theme = watched<Theme>(known(read(STORED)));

function show(): void {
  const chosen = theme.get();
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

/** Shows the chosen theme, and follows what another tab chooses. */
export function startTheme(): void {
  show();
  theme.subscribe(show);
  addEventListener("storage", (event) => {
    if (event.key === STORED) theme.set(known(event.newValue));
  });
}

export function chooseTheme(next: Theme): void {
  write(STORED, next === "system" ? null : next);
  theme.set(next);
}
