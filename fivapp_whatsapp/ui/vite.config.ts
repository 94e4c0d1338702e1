import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const gateway = process.env.GATEWAY ?? "http://127.0.0.1:8000";

export default defineConfig({
  // Addresses are relative to <base>, which the gateway sets: so the pages work under any mount prefix.
  base: "./",
  plugins: [react()],
  build: {
    // Names of assets hold their hash, except those in public/, whose address must stay.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    manifest: "manifest.json",
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/api": { target: gateway, ws: true } } },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"], env: { TZ: "America/Sao_Paulo" } },
});
