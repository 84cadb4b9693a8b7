import type { Page } from "@playwright/test";
import { enter } from "../src/door.ts";
import { noteStamps, StampedPublisher, type Shown } from "../src/stamped.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

// Somebody who waits when a broadcast begins sees it soon, and from then on without a stall.
const watched = 12_000;

const shown = (page: Page): Promise<Shown[]> => page.evaluate(() => window.shown);

for (const [name, gop, within] of [
  ["a key frame every 2 s", 60, 5_000],
  ["a key frame every 8 s", 240, 7_000],
] as const) {
  test(`a viewer who waits for the beginning sees it without a stall, with ${name}`, async ({ server, page }) => {
    const room = await server.api.createRoom("live", "Beginning");
    await noteStamps(page);
    await enter(page, room.participant_url, { name: "Vi" });
    const publisher = new StampedPublisher(room, gop);
    try {
      await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
      const live = await page.evaluate(() => performance.now());
      await until("pictures are shown", async () => (await shown(page)).length > 0, 30_000);
      const first = (await shown(page))[0]!;
      await until("it was watched for a while", async () => (await page.evaluate(() => performance.now())) > first.at + watched, watched + 30_000);
      const pictures = (await shown(page)).filter((p) => p.at < first.at + watched);
      const pause = Math.max(...pictures.slice(1).map((p, i) => p.at - pictures[i]!.at));
      const latency = pictures.filter((_, i) => i % 60 === 0).map((p) => Math.round(p.latency));
      console.log(
        `${name}: first picture ${Math.round(first.at - live)} ms after the beginning; then ${pictures.length} in ${watched} ms,`,
        `the longest pause ${Math.round(pause)} ms, latency ${latency.join(" ")} ms`,
      );
      expect(first.at - live, "first picture, ms after the broadcast began").toBeLessThan(within);
      expect(pause, "longest pause between two pictures, ms").toBeLessThan(400);
    } finally {
      await publisher.stop();
    }
  });
}
