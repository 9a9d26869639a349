import { defineConfig } from "vite";
import { svelte } from "@sveltejs/vite-plugin-svelte";

export default defineConfig({
  base: "./", // works in any folder of any static host
  plugins: [svelte()],
  // The module finds its worker and guest by their URLs: it must not be pre-bundled.
  optimizeDeps: { exclude: ["nextquill"] },
});
