import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // works in any folder of any static host
  // dist/model of the site is the model, served as it is.
  publicDir: "public",
  // The module finds its worker and guest by address: it must not be bundled in advance.
  optimizeDeps: { exclude: ["nextquill"] },
});
