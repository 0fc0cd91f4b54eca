import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // so that the page works below any path
  build: {
    outDir: "../src/partita/service/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // data: addresses are refused by the content-security policy
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8765" } },
});
