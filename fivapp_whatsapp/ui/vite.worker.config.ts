import { defineConfig } from "vite";

// The service worker is one file of its own, at an address that stays: browsers look there for a newer one.
export default defineConfig({
  publicDir: false,
  build: {
    emptyOutDir: false,
    target: "es2022",
    rollupOptions: {
      input: "src/worker/service-worker.ts",
      output: { format: "iife", entryFileNames: "service-worker.js" },
    },
  },
});
