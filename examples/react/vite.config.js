import { defineConfig } from "vite";
import react from "@vitejs/plugin-react";

export default defineConfig({
  base: "./", // works in any folder of any static host
  plugins: [react()],
  // The module finds its worker and guest by their URLs: it must not be pre-bundled.
  optimizeDeps: { exclude: ["nextquill"] },
});
