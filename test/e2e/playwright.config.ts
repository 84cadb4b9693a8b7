import { defineConfig } from "@playwright/test";
import { chromium } from "./src/chromium.ts";

// Two cores: one browser at a time, one server for all tests.
export default defineConfig({
  testDir: "./tests",
  outputDir: "../out/e2e",
  workers: 1,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    ...chromium,
    viewport: { width: 1280, height: 800 },
    screenshot: "only-on-failure",
    trace: "off",
  },
});
