import { defineConfig } from "vite";
import vue from "@vitejs/plugin-vue";

export default defineConfig({
  base: "./", // works in any folder of any static host
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === "next-quill" } } })],
  // The module finds its worker and guest by their URLs: it must not be pre-bundled.
  optimizeDeps: { exclude: ["nextquill"] },
});
