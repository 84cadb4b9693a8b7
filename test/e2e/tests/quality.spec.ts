import type { Page } from "@playwright/test";
import { measure } from "../src/latency.ts";
import { watch } from "../src/media.ts";
import { clockPicture } from "../src/publisher.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

const height = (page: Page): Promise<number> => page.locator("video").evaluate((v: HTMLVideoElement) => v.videoHeight);

async function openMenu(page: Page): Promise<void> {
  await page.mouse.move(300, 300 + Math.random() * 20);
  await page.getByRole("button", { name: "Settings" }).click();
}

async function choose(page: Page, name: string): Promise<void> {
  await openMenu(page);
  await page.getByRole("menuitemradio", { name: new RegExp(`^${name}`) }).click();
}

test("a viewer takes another quality, and the picture goes on", async ({ server, person, publish }) => {
  test.setTimeout(150_000);
  const room = await server.api.createRoom("live", "Ladder", { room_features: { public: true, transcode: [240] } });
  publish(room);
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const { endpoints } = await server.api.join({ room_id: room.id });
  await until("the lower rung is listed", async () => (await (await fetch(endpoints.hls ?? "")).text()).includes("x240"), 60_000);
  const page = await person();
  await page.goto(`/embed/${room.id}`);
  await expect.poll(() => height(page), { timeout: 25_000 }).toBeGreaterThan(0);
  for (const [name, lines] of [["240p", 240], ["360p", 360], ["240p", 240]] as const) {
    await choose(page, name);
    await expect.poll(() => height(page), { timeout: 20_000 }).toBe(lines);
    await expect(async () => expect((await watch(page, 1_000)).frames).toBeGreaterThan(15)).toPass({ timeout: 20_000 });
  }
  await choose(page, "Automatic");
  await expect(page.getByRole("button", { name: "You are watching live" })).toBeVisible({ timeout: 20_000 });
});

test("a viewer who rewound gets another quality soon, and the picture never stands still", async ({ server, person, publish }) => {
  test.setTimeout(150_000);
  const room = await server.api.createRoom("live", "Ladder", { room_features: { public: true, transcode: [240] } });
  publish(room, undefined, undefined, { graph: clockPicture });
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const { endpoints } = await server.api.join({ room_id: room.id });
  await until("the lower rung is listed", async () => (await (await fetch(endpoints.hls ?? "")).text()).includes("x240"), 60_000);
  const page = await person();
  await page.goto(`/embed/${room.id}`);
  await expect.poll(() => height(page), { timeout: 25_000 }).toBeGreaterThan(0);
  const bar = page.getByRole("slider", { name: "Rewind" });
  await until("there are 45 s to go back to", async () => Number(await bar.getAttribute("max")) > 45_000, 60_000);
  await bar.focus();
  await page.keyboard.press("Home");
  await expect(page.getByRole("button", { name: "Behind live. Go to live" })).toBeVisible();
  const ahead = (): Promise<number> => page.locator("video").evaluate((v: HTMLVideoElement) => (v.buffered.length > 0 ? v.buffered.end(v.buffered.length - 1) - v.currentTime : 0));
  await expect.poll(ahead, { timeout: 20_000 }).toBeGreaterThan(20);
  await choose(page, "360p");
  await expect.poll(() => height(page), { timeout: 10_000 }).toBe(360);

  const freezes: number[] = [];
  let watching = true;
  const watched = (async () => {
    while (watching) freezes.push(...(await measure(page, 1_000)).freezes);
  })();
  for (const [from, to] of [[360, 240], [240, 360]] as const) {
    await expect.poll(ahead, { timeout: 20_000 }).toBeGreaterThan(15);
    await choose(page, `${to}p`);
    const chosen = Date.now();
    await openMenu(page);
    await expect(page.getByRole("menuitemradio", { name: `${to}p`, exact: true })).toBeChecked();
    await expect(page.getByRole("menuitemradio", { name: `${from}p (playing now)` })).toBeVisible();
    await expect.poll(() => height(page), { intervals: [100], timeout: 8_000 }).toBe(to);
    console.log(`${to}p came after ${Date.now() - chosen} ms, ${(await ahead()).toFixed(1)} s are buffered`);
    await expect(page.getByRole("menuitemradio", { name: "playing now" })).toHaveCount(0);
    await page.keyboard.press("Escape");
  }
  watching = false;
  await watched;
  expect(freezes, "how long the picture stood still, in seconds").toEqual([]);
});
