import { defineConfig } from "@playwright/test";
import everyday from "./playwright.config.ts";

/** Makes the README's pictures, docs/*.png, from the real pages: `npm run shots`. */
export default defineConfig({
  ...everyday,
  testDir: "./shots",
  timeout: 120_000,
  use: { ...everyday.use, viewport: { width: 1280, height: 720 } },
});
