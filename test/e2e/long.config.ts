import { defineConfig } from "@playwright/test";
import everyday from "./playwright.config.ts";

/** The browser tests that take longer than a minute each: `npm run long`. */
export default defineConfig({ ...everyday, testDir: "./long", timeout: 300_000 });
