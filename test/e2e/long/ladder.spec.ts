import type { Page } from "@playwright/test";
import { measure, median, type Measured } from "../src/latency.ts";
import { clockPicture } from "../src/publisher.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

// A ladder of three: whoever is sent up and down it twenty times never sees the picture stand still, and stays near.
const rungs = ["480p", "360p", "720p"] as const;
const switches = 20;
const nearSeconds = 2;
/** What stands still for longer than a few pictures is a stall. */
const stallSeconds = 0.3;

const height = (page: Page): Promise<number> => page.locator("video").evaluate((v: HTMLVideoElement) => v.videoHeight);

async function choose(page: Page, name: string): Promise<void> {
  await page.mouse.move(300, 300 + Math.random() * 20);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitemradio", { name }).click();
}

test("a viewer goes up and down the ladder twenty times without a stall", async ({ server, page, publish }) => {
  const room = await server.api.createRoom("live", "Ladder", { room_features: { public: true, transcode: [480, 360] } });
  publish(room, undefined, undefined, { graph: clockPicture.replace("[out0]", ",scale=1280:720:flags=neighbor[out0]"), gop: 60 });
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const { endpoints } = await server.api.join({ room_id: room.id });
  await until("both rungs are listed", async () => /x480[^]*x360|x360[^]*x480/.test(await (await fetch(endpoints.hls ?? "")).text()), 60_000);
  await page.goto(`${server.url}/embed/${room.id}`);
  await expect.poll(() => height(page), { timeout: 25_000 }).toBeGreaterThan(0);
  await measure(page, 5_000);

  const seen: Measured[] = [];
  let watching = true;
  const watched = (async () => {
    while (watching) seen.push(await measure(page, 2_000));
  })();
  for (let n = 0; n < switches; n++) {
    const name = rungs[n % rungs.length]!;
    await choose(page, name);
    await expect.poll(() => height(page), { timeout: 20_000 }).toBe(Number.parseInt(name));
  }
  watching = false;
  await watched;
  const freezes = seen.flatMap((m) => m.freezes);
  const medians = seen.map((m) => median(m.latencies));
  console.log(`${switches} switches: ${Math.max(...medians).toFixed(2)} s behind at most, still for ${freezes.map((s) => s.toFixed(2)).join(", ") || "nothing"}`);
  expect((await server.api.stream(room.id)).state).toBe("live");
  expect(freezes.filter((s) => s > stallSeconds), "stalls").toEqual([]);
  expect(Math.max(...medians), "seconds from camera to screen, as medians of 2 s").toBeLessThan(nearSeconds);
});
