import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, type Page } from "@playwright/test";
import { expectAccessible } from "./axe.ts";

const out = resolve(import.meta.dirname, "../../out/pages");
const sizes = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } } as const;

/** Takes the page as it stands in light and dark, wide and narrow; it must fit and be accessible in each. */
export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      await settled(page);
      await page.screenshot({ path: join(out, `${name}-${colorScheme}-${size}.png`) });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, `${name} is wider than a ${size} window, in px`).toBeLessThanOrEqual(0);
    }
    await expectAccessible(page);
  }
}

/** Waits for fonts, and for the layout that follows a change of size. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  });
}
