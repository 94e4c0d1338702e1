import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { queryClient } from "./api/queries";
import { takeToken } from "./api/token";
import { App } from "./app";
import { base } from "./base";
import { loadPreferred, SpeechProvider } from "./i18n";
import { aroundNav } from "./lib/leaving";
import { startTheme } from "./lib/theme";
import { watchChunks } from "./layout/newer";
import { Toasts } from "./parts/toasts";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/shell.css";

takeToken();
startTheme();
watchChunks();

function draw(): void {
  const root = document.getElementById("root");
  if (root === null) return;
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <SpeechProvider>
          <Router base={base} aroundNav={aroundNav}>
            <App />
          </Router>
          <Toasts />
        </SpeechProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

// Without its words the page still stands, in Portuguese.
loadPreferred().then(draw, draw);
