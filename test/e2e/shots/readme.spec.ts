import { chromium as launcher, type Browser, type Page } from "@playwright/test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { logIn } from "../src/admin.ts";
import { chromium } from "../src/chromium.ts";
import { enter } from "../src/door.ts";
import { settled } from "../src/shoot.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";
import { portrait } from "./portrait.ts";

const docs = resolve(import.meta.dirname, "../../../docs");

/** A broadcast worth looking at: a slow play of colours, with a line of text and a clock. */
const picture = [
  "gradients=s=1280x720:c0=0x10205a:c1=0x7a2f6b:c2=0xe0803a:n=3:x0=0:y0=0:x1=1280:y1=720:speed=0.002:r=30",
  "drawtext=font=Sans:text='Town Hall':fontsize=84:fontcolor=white:x=80:y=470",
  "drawtext=font=Sans:text='Live from the studio  %{localtime\\:%X}':fontsize=36:fontcolor=white@0.85:x=84:y=580",
].join(",");

async function shot(page: Page, name: string): Promise<void> {
  await mkdir(docs, { recursive: true });
  await settled(page);
  await page.screenshot({ path: join(docs, `${name}.png`) });
}

test.use({ colorScheme: "light" });

test("a meeting of two", async ({ server }) => {
  const room = await server.api.createRoom("meet", "Business Meeting");
  const dir = await mkdtemp(join(tmpdir(), "roomcast-shots-"));
  const browsers: Browser[] = [];
  const come = async (name: string, file: string): Promise<Page> => {
    const browser = await launcher.launch({
      ...chromium.launchOptions,
      args: [...(chromium.launchOptions?.args ?? []), `--use-file-for-fake-video-capture=${join(dir, file)}`],
    });
    browsers.push(browser);
    const page = await browser.newPage({ baseURL: server.url, viewport: { width: 1280, height: 720 }, permissions: ["camera", "microphone"] });
    await enter(page, name === "Grace" ? room.moderator_url : room.participant_url, { name });
    return page;
  };
  try {
    await portrait(join(dir, "one.mjpeg"), ["0x2d5a63", "0x8fb8a8"], [52, 74, 110]);
    await portrait(join(dir, "two.mjpeg"), ["0x6b4a3a", "0xd9b48f"], [126, 58, 66]);
    const ada = await come("Ada", "one.mjpeg");
    const grace = await come("Grace", "two.mjpeg");
    await expect
      .poll(() => grace.locator("video").evaluateAll((all) => (all as HTMLVideoElement[]).filter((v) => v.videoWidth > 0).length), { timeout: 20_000 })
      .toBeGreaterThan(1);
    for (const page of [ada, grace]) await page.getByRole("button", { name: /^Chat/ }).click();
    for (const [page, text] of [[grace, "Good morning, Ada. Shall we begin?"], [ada, "Yes. I will share the figures in a minute."]] as const) {
      await page.getByPlaceholder("Write a message").fill(text);
      await page.keyboard.press("Enter");
      await expect(grace.getByText(text).first()).toBeVisible();
    }
    await shot(grace, "meet");
  } finally {
    for (const browser of browsers) await browser.close();
    await rm(dir, { recursive: true, force: true });
  }
});

test("a live broadcast", async ({ server, person, publish }) => {
  const room = await server.api.createRoom("live", "Town Hall", { room_description: "Questions and answers with everybody, once a month." });
  publish(room, picture);
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const [vi, sam] = [await person(), await person()];
  for (const [page, name] of [[vi, "Vi"], [sam, "Sam"]] as const) {
    await page.setViewportSize({ width: 1280, height: 720 });
    await enter(page, room.participant_url, { name });
  }
  for (const [page, text] of [[sam, "Hello from the north!"], [vi, "Picture and sound are perfect here."]] as const) {
    await page.getByPlaceholder("Write a message").fill(text);
    await page.keyboard.press("Enter");
    await expect(vi.getByText(text).first()).toBeVisible();
  }
  await expect.poll(() => vi.locator("video").evaluate((v: HTMLVideoElement) => v.currentTime > 0 && v.readyState > 2 && v.played.length > 0), { timeout: 25_000 }).toBe(true);
  // Some seconds on, so that it plays steadily.
  const began = await vi.locator("video").evaluate((v: HTMLVideoElement) => v.currentTime);
  await expect.poll(() => vi.locator("video").evaluate((v: HTMLVideoElement) => v.currentTime), { timeout: 25_000 }).toBeGreaterThan(began + 4);
  await vi.mouse.move(400, 300);
  await shot(vi, "live");
});

test("a simulcast and a video room", async ({ server, person }) => {
  const page = await person();
  await page.setViewportSize({ width: 1280, height: 720 });
  const simulcast = await server.api.createRoom("simulcast", "Product Launch", { room_description: "One broadcast, on every platform at once." });
  await enter(page, simulcast.participant_url, { name: "Vi" });
  await shot(page, "simulcast");
  const video = await server.api.createRoom("video", "Film Archive", { room_description: "Recordings of the last years." });
  await enter(page, video.participant_url, { name: "Vi" });
  await shot(page, "video");
});

test("the admin pages", async ({ server, person, publish }) => {
  const live = await server.api.createRoom("live", "Evening News", { room_description: "What happened today.", room_access_code: "4711" });
  await server.api.createRoom("meet", "Daily stand-up", { room_description: "Every morning at nine." });
  publish(live, picture);
  await until("the broadcast is live", async () => (await server.api.stream(live.id)).state === "live");
  const page = await person();
  await page.setViewportSize({ width: 1280, height: 720 });
  await logIn(page, server, `/admin/rooms/${live.id}`);
  await expect(page.getByText("On air", { exact: true })).toBeVisible();
  await shot(page, "admin");
});
