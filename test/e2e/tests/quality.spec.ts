import type { Page } from "@playwright/test";
import { watch } from "../src/media.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

const height = (page: Page): Promise<number> => page.locator("video").evaluate((v: HTMLVideoElement) => v.videoHeight);

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
  const choose = async (name: string): Promise<void> => {
    await page.mouse.move(300, 300);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("menuitemradio", { name }).click();
  };
  for (const [name, lines] of [["240p", 240], ["360p", 360], ["240p", 240]] as const) {
    await choose(name);
    await expect.poll(() => height(page), { timeout: 20_000 }).toBe(lines);
    await expect(async () => expect((await watch(page, 1_000)).frames).toBeGreaterThan(15)).toPass({ timeout: 20_000 });
  }
  await choose("Automatic");
  await expect(page.getByRole("button", { name: "You are watching live" })).toBeVisible({ timeout: 20_000 });
});
