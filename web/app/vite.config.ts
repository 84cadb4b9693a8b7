import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { pageRoutes } from "./build/page-routes.ts";
import { themeScript } from "./build/theme-script.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const backend = "127.0.0.1:8080";

export default defineConfig(({ mode }) => ({
  appType: "mpa",
  plugins: [
    svelte(),
    // Tests take the messages that `npm run generate` compiled: the plugin's watcher would keep the test runner from ending.
    ...(mode === "test"
      ? []
      : [
          paraglideVitePlugin({
            project: "./project.inlang",
            outdir: "./src/lib/paraglide",
            strategy: ["preferredLanguage", "baseLocale"],
          }),
        ]),
    themeScript(here("./src/theme-first.js")),
    pageRoutes(),
  ],
  resolve: { alias: { $lib: here("./src/lib") } },
  build: {
    outDir: mode === "kitchen" ? here("../../test/out/kitchen") : here("./dist"),
    emptyOutDir: true,
    // The pages' Content-Security-Policy allows no data: URL for scripts, styles and fonts.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      input:
        mode === "kitchen"
          ? { kitchen: here("./kitchen.html") }
          : {
              join: here("./join.html"),
              embed: here("./embed.html"),
              admin: here("./admin.html"),
            },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": `http://${backend}`,
      "/hls": `http://${backend}`,
      "/whip": `http://${backend}`,
      "/whep": `http://${backend}`,
      "/ws": { target: `ws://${backend}`, ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
}));
