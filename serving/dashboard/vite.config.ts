import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // what is inlined would need exceptions in the pages' policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200, // MapLibre, which is loaded when a map is shown
  },
  worker: { format: "es" },
});
