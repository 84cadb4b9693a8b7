import type { Page } from "@playwright/test";
import { expectAccessible } from "../src/axe.ts";
import { leaveButton } from "../src/door.ts";
import { measure, median } from "../src/latency.ts";
import { watch } from "../src/media.ts";
import { clockPicture } from "../src/publisher.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

const seekBar = (page: Page) => page.getByRole("slider", { name: "Rewind" });

/** How far behind the camera the picture is now, by the clock in it, in seconds. */
async function behind(page: Page): Promise<number> {
  return median((await measure(page, 1_000)).latencies);
}

test("a viewer rewinds, goes on from there after a pause, and comes back to live", async ({ server, person, publish }) => {
  test.setTimeout(150_000);
  const room = await server.api.createRoom("live", "Match", { room_features: { public: true } });
  publish(room, undefined, undefined, { graph: clockPicture });
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const page = await person();
  await page.goto(room.room_url ?? "");
  await page.getByRole("button", { name: /^(continue|enter|watch)$/i }).click();
  await expect(leaveButton(page)).toBeVisible();
  const live = page.getByRole("button", { name: "You are watching live" });
  await expect(live).toBeVisible({ timeout: 25_000 });
  await expect(seekBar(page)).toBeVisible();
  await until("there are 25 s to go back to", async () => Number(await seekBar(page).getAttribute("max")) > 25_000, 40_000);

  await test.step("20 seconds back, by the keyboard: from the disk", async () => {
    await page.getByRole("region", { name: "Player" }).focus();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await expect(page.getByRole("button", { name: "Behind live. Go to live" })).toBeVisible();
    await expect.poll(() => behind(page), { timeout: 20_000 }).toBeGreaterThan(17);
    expect(await behind(page)).toBeLessThan(26);
    await expect(async () => expect((await watch(page, 1_000)).frames).toBeGreaterThan(20)).toPass({ timeout: 15_000 });
    await expect(seekBar(page)).toHaveAttribute("aria-valuetext", /0:2\d behind live/);
    await expectAccessible(page);
  });

  await test.step("to the beginning, by the bar", async () => {
    await seekBar(page).focus();
    await page.keyboard.press("Home");
    await expect.poll(() => behind(page), { timeout: 20_000 }).toBeGreaterThan(24);
  });

  await test.step("back to live", async () => {
    await page.getByRole("button", { name: "Behind live. Go to live" }).click();
    await expect(live).toBeVisible({ timeout: 15_000 });
    await expect.poll(() => behind(page), { timeout: 20_000 }).toBeLessThan(3);
  });

  await test.step("a pause is kept, not jumped over", async () => {
    await page.getByRole("button", { name: "Pause" }).click();
    const stood = Date.now();
    await until("it was paused for 4 s", () => Date.now() - stood > 4_000);
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await expect.poll(() => behind(page), { timeout: 20_000 }).toBeGreaterThan(4);
    await expect(page.getByRole("button", { name: "Behind live. Go to live" })).toBeVisible();
    await page.keyboard.press("l");
    await expect.poll(() => behind(page), { timeout: 20_000 }).toBeLessThan(3);
  });
});
