import { existsSync } from "node:fs";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { until } from "./until.ts";

const candidates = [process.env.ROOMCAST_TEST_FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"];

/** Starts the distribution's Firefox, which Playwright cannot drive: with made-up devices, and nobody to ask for leave to use them. */
export async function firefox(): Promise<Browser> {
  const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined) throw new Error("there is no Firefox here: make e2e installs it");
  return puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.peerconnection.ice.loopback": true,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
    },
  });
}

/** Presses the button with a name once it can be pressed, wherever on the page it is. Locators' filters never end in this Firefox. */
export async function press(page: Page, name: string): Promise<void> {
  await until(`there is a button "${name}" to press`, async () => {
    const button = await page.$(`::-p-aria([name="${name}"][role="button"])`);
    return (await button?.evaluate((one) => {
      const { disabled } = one as HTMLButtonElement;
      if (!disabled) (one as HTMLButtonElement).click();
      return !disabled;
    })) ?? false;
  }, 30_000);
}
