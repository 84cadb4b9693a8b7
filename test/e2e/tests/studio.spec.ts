import { expectAccessible } from "../src/axe.ts";
import { enter } from "../src/door.ts";
import { watch } from "../src/media.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

interface Broadcast {
  state: string;
  publisher: { protocol: string } | null;
  tracks: { kind: string; codec: string; width: number; height: number }[];
  warnings: { code: string }[];
}

test("a moderator goes live from the browser, and a viewer sees and hears it by HLS", async ({ server, person }) => {
  test.setTimeout(120_000);
  const room = await server.api.createRoom("live", "From the studio");
  const broadcast = () => server.api.call<Broadcast>("GET", `/api/v1/rooms/${room.id}/stream`);
  const moderator = await person();
  await enter(moderator, room.moderator_url, { name: "Mo" });
  await moderator.getByRole("button", { name: "Go live from this browser" }).click();
  const studio = moderator.getByRole("region", { name: "Studio" });
  await expect(studio.locator("video")).toBeVisible();
  await expect(studio.getByRole("meter")).toBeVisible();
  await expectAccessible(moderator);
  await studio.getByRole("button", { name: "Go live", exact: true }).click();
  await expect(studio.getByText("LIVE", { exact: true })).toBeVisible({ timeout: 20_000 });
  await until("the broadcast is live", async () => (await broadcast()).state === "live");
  const on = await broadcast();
  expect(on.publisher?.protocol).toBe("whip");
  expect(on.tracks.map(({ kind, codec }) => `${kind} ${codec.slice(0, 4)}`)).toEqual(["video avc1", "audio Opus"]);

  const viewer = await person();
  await enter(viewer, room.participant_url, { name: "Vi" });
  await expect.poll(() => viewer.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth), { timeout: 25_000 }).toBeGreaterThan(0);
  await expect(async () => {
    const seen = await watch(viewer, 3_000);
    expect(seen.frames, "decoded frames in 3 s").toBeGreaterThan(20);
    expect(seen.changes, "pictures that differ").toBeGreaterThan(5);
    expect(seen.loudness, "the beeps of the made-up microphone").toBeGreaterThan(0.005);
  }).toPass({ timeout: 40_000 });
  await expect(studio.getByText(/Mb\/s/)).toBeVisible();
  await expect(studio.getByText(/\d+ × \d+, \d+ per second/)).toBeVisible();
  await expectAccessible(moderator);
  await moderator.screenshot({ path: test.info().outputPath("studio.png") });

  await test.step("a screen takes the camera's place without a break", async () => {
    await studio.getByRole("button", { name: "Screen", exact: true }).click();
    await expect(studio.getByRole("button", { name: "Screen", exact: true })).toHaveAttribute("aria-pressed", "true");
    await expect(async () => expect((await watch(viewer, 2_000)).frames).toBeGreaterThan(1)).toPass({ timeout: 30_000 });
    expect((await broadcast()).state).toBe("live");
  });

  await test.step("it comes back by itself when the network was away", async () => {
    await moderator.evaluate(() => window.dispatchEvent(new Event("online")));
    await expect(async () => expect((await watch(viewer, 1_000)).frames).toBeGreaterThan(0)).toPass({ timeout: 20_000 });
    expect((await broadcast()).publisher?.protocol).toBe("whip");
  });

  await test.step("being cut off is said, and not answered by coming again", async () => {
    await server.api.call("DELETE", `/api/v1/rooms/${room.id}/stream?hold_seconds=1`);
    await expect(studio.getByRole("alert").getByText("The broadcast from this browser has stopped")).toBeVisible({ timeout: 20_000 });
    expect((await broadcast()).publisher).toBe(null);
    await studio.getByRole("button", { name: "Try again" }).click();
    await expect(studio.getByText("LIVE", { exact: true })).toBeVisible({ timeout: 20_000 });
  });

  await test.step("ending it ends it", async () => {
    await studio.getByRole("button", { name: "End the broadcast" }).click();
    await moderator.getByRole("alertdialog").or(moderator.getByRole("dialog")).getByRole("button", { name: "End the broadcast" }).click();
    await until("the publisher is gone", async () => (await broadcast()).publisher === null);
    await expect(studio.getByRole("button", { name: "Go live", exact: true })).toBeVisible();
  });
});
