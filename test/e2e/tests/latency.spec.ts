import type { Page } from "@playwright/test";
import type { Room } from "../src/api.ts";
import { measure, median } from "../src/latency.ts";
import { Link } from "../src/link.ts";
import { clockPicture } from "../src/publisher.ts";
import type { Server } from "../src/server.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

/** Key frames every 2 s; 10 s of them, and a whole minute, are measured by long/latency.spec.ts. How long the median is taken over: 60 s by the book, less in the everyday run. */
const watchMs = Number(process.env.ROOMCAST_TEST_LATENCY_SECONDS ?? 10) * 1000;
/** From the playlist's distance to the screen: encoder, way, decoder and display. With parts of 200 ms that makes a second. */
const onTopSeconds = 0.4;

test.describe.configure({ timeout: 120_000 + 3 * watchMs });

test("a viewer is within a second of the camera, and again after the network stood still", async ({ server, browser, publish }) => {
  const room = await server.api.createRoom("live", "Clock", { room_features: { public: true } });
  publish(room, undefined, undefined, { graph: clockPicture, gop: 60 });
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const holdBack = await listedWithParts(server, room);
  const link = await Link.open(server.url);
  const context = await browser.newContext({ baseURL: link.url });
  try {
    const page = await context.newPage();
    await page.goto(`/embed/${room.id}`, { waitUntil: "commit" });
    expect(await firstFrame(page), "ms from the page's load to the first frame").toBeLessThan(2_000);

    await measure(page, 5_000);
    await steady(page, "from 5 s after the first frame", holdBack);

    await link.stall(2_000);
    await measure(page, 5_000);
    await steady(page, "from 5 s after a stall of 2 s", holdBack);
  } finally {
    await context.close();
    await link.close();
  }
});

/** Waits until the playlist lists parts of a segment before the one to come, as it does in all but a broadcast's first seconds; gives PART-HOLD-BACK. */
async function listedWithParts(server: Server, room: Room): Promise<number> {
  const { endpoints } = await server.api.join({ room_id: room.id });
  let holdBack = 0;
  await until(
    "whole segments have parts",
    async () => {
      const main = await fetch(endpoints.hls ?? "");
      const name = (await main.text()).split("\n").find((line) => line !== "" && !line.startsWith("#"));
      if (!main.ok || name === undefined) return false;
      const lines = (await (await fetch(new URL(name, endpoints.hls))).text()).split("\n");
      holdBack = Number(/PART-HOLD-BACK=([\d.]+)/.exec(lines.join())?.[1] ?? 0);
      const [part, segment] = [lines.findIndex((line) => line.startsWith("#EXT-X-PART:")), lines.findLastIndex((line) => line.startsWith("#EXTINF"))];
      return part !== -1 && part < segment;
    },
    40_000,
  );
  return holdBack;
}

/** How long after the page's load the first frame was there, in ms. */
async function firstFrame(page: Page): Promise<number> {
  await page.waitForSelector("video", { state: "attached" });
  return page.evaluate(
    () =>
      new Promise<number>((done) => {
        const video = document.querySelector("video");
        video?.requestVideoFrameCallback((now) => done(now));
      }),
  );
}

/** Requires that the picture is where it should be, and never stands still. */
async function steady(page: Page, when: string, holdBack: number): Promise<void> {
  const { latencies, freezes, rates } = await measure(page, watchMs);
  const middle = median(latencies);
  console.log(`${when}: ${middle.toFixed(2)} s from camera to screen, ${Math.max(...latencies).toFixed(2)} at most, speed ${rates.join("-")}, still for ${freezes.map((s) => s.toFixed(2)).join(", ") || "nothing"}`);
  expect(middle, `median latency, ${when}`).toBeLessThan(holdBack + onTopSeconds);
  expect(freezes.filter((seconds) => seconds > 0.5), `stalls, ${when}`).toEqual([]);
}
