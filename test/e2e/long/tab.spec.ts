import { chromium as launcher } from "@playwright/test";
import { chromium } from "../src/chromium.ts";
import { enter } from "../src/door.ts";
import { noteLooks, steadiness } from "../src/steadiness.ts";
import { expect, test } from "../src/test.ts";

const stillMs = 60_000;
const title = "A slide";

// A browser's real capture, which needs no made-up screen and somebody to choose the tab.
const args = [
  ...(chromium.launchOptions?.args ?? []).filter((one) => !/fake-ui|fake-device|desktop-capture/.test(one)),
  "--use-fake-device-for-media-stream=fps=30",
  `--auto-select-tab-capture-source-by-title=${title}`,
];

test("a shared tab on which nothing moves for a minute is seen without a stall", async ({ server, person }) => {
  const room = await server.api.createRoom("live", "A still tab");
  const browser = await launcher.launch({ ...chromium.launchOptions, args });
  try {
    const context = await browser.newContext({ baseURL: server.url, permissions: ["camera", "microphone"] });
    const tab = await context.newPage();
    await tab.setContent(`<title>${title}</title><body style="background:#d00">`);
    const moderator = await context.newPage();
    await enter(moderator, room.moderator_url, { name: "Mo" });
    await moderator.getByRole("button", { name: "Go live from this browser" }).click();
    const studio = moderator.getByRole("region", { name: "Studio" });
    await studio.getByRole("button", { name: "Screen", exact: true }).click();
    await expect(studio.getByRole("button", { name: "Screen", exact: true })).toHaveAttribute("aria-pressed", "true");
    await studio.getByRole("button", { name: "Go live", exact: true }).click();
    await expect(studio.getByText("LIVE", { exact: true })).toBeVisible({ timeout: 20_000 });
    await tab.bringToFront(); // as somebody who shows it does: the studio is not seen

    const viewer = await person();
    await enter(viewer, room.participant_url, { name: "Vi" });
    await expect.poll(() => viewer.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth), { timeout: 25_000 }).toBeGreaterThan(0);
    await noteLooks(viewer);
    const clock = () => viewer.evaluate(() => performance.now());
    await viewer.waitForTimeout(4_000); // it has found its distance from the edge
    const from = await clock();
    await viewer.waitForTimeout(stillMs);
    const to = await clock();
    await tab.evaluate(() => document.body.setAttribute("style", "background:#00d"));
    await expect.poll(() => viewer.evaluate(() => window.looks.at(-1)?.colour), { timeout: 10_000, intervals: [50] }).toBe("blue");
    const late = Math.round((await clock()) - to);

    const seen = await steadiness(viewer, from, to);
    console.log(`a still tab for ${stillMs / 1000} s:`, seen, `the next picture after ${late} ms`);
    expect(seen.colours).toEqual(["red"]);
    expect(seen.lag, "ms that the picture stood or jumped").toBeLessThan(500);
    expect(late, "ms until the next picture is seen").toBeLessThan(4_000);
  } finally {
    await browser.close();
  }
});
