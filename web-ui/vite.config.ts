import { defineConfig } from "vite";
import { manual } from "./build/manual";
import { squeeze } from "./build/squeeze";
import { mock } from "./mock/plugin";

export default defineConfig(({ mode }) => ({
  plugins: [manual("../docs/manual"), squeeze(), ...(mode === "mock" ? [mock()] : [])],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    // The policy of the page lets no inline script run, and data: is for pictures only.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
}));
