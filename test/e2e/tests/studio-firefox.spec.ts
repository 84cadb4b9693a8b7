import { firefox, press } from "../src/firefox.ts";
import { enter } from "../src/door.ts";
import { watch } from "../src/media.ts";
import { Server } from "../src/server.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

interface Broadcast {
  state: string;
  publisher: { protocol: string } | null;
  tracks: { kind: string; codec: string }[];
  warnings: { code: string }[];
}

test("a moderator goes live from Firefox, which has no H.264 here: it works, with a warning", async ({ browser: chromium }) => {
  test.setTimeout(120_000);
  // Firefox connects to no loopback address by WebRTC.
  const server = await Server.start({ everywhere: true });
  const room = await server.api.createRoom("live", "From Firefox");
  const broadcast = () => server.api.call<Broadcast>("GET", `/api/v1/rooms/${room.id}/stream`);
  const browser = await firefox();
  try {
    const page = await browser.newPage();
    await page.goto(room.moderator_url);
    await press(page, "Watch");
    await press(page, "Go live from this browser");
    await press(page, "Go live");
    await until("the broadcast is live", async () => (await broadcast()).state === "live", 30_000);
    const on = await broadcast();
    expect(on.publisher?.protocol).toBe("whip");
    expect(on.tracks.map(({ kind }) => kind)).toEqual(["video", "audio"]);
    expect(on.tracks[0]?.codec).toMatch(/^(vp09|av01|avc1)\./);
    if (!on.tracks[0]?.codec.startsWith("avc1.")) {
      expect(on.warnings.map(({ code }) => code)).toContain("codec_not_everywhere");
      await page.locator("::-p-text(This browser sends)").wait();
    }
    const viewer = await chromium.newPage();
    await enter(viewer, room.participant_url, { name: "Vi" });
    await expect(async () => {
      const seen = await watch(viewer, 2_000);
      expect(seen.frames, "decoded frames in 2 s").toBeGreaterThan(10);
    }).toPass({ timeout: 60_000 });
    await viewer.close();
    await page.close();
    await until("the publisher is gone with its page", async () => (await broadcast()).publisher === null);
  } finally {
    await browser.close();
    await server.end();
  }
});
