import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // works in any folder of any static host
  // A copy of the site's dist/model, served without changes.
  publicDir: "public",
  // The module finds its worker and guest by their URLs: it must not be pre-bundled.
  optimizeDeps: { exclude: ["nextquill"] },
});
