import { createServer, type AddressInfo } from "node:net";
import { createServer as createSite } from "node:http";
import { gzipSync } from "node:zlib";
import { expectAccessible } from "../src/axe.ts";
import { enter } from "../src/door.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

/** A port that is free now. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, "127.0.0.1", done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}

test("another site embeds a room that names it, with chat if it asks, and no other site does", async ({ server, browser, publish }) => {
  test.setTimeout(120_000);
  const [friend, stranger] = [await freePort(), await freePort()];
  const room = await server.api.createRoom("live", "Evening News", { room_features: { public: true, embed_origins: [`http://127.0.0.1:${friend}`] }, participant_access_code: "4711" });
  const site = (port: number) =>
    new Promise<ReturnType<typeof createSite>>((done) => {
      const made = createSite((_request, answer) => {
        answer.setHeader("content-type", "text/html");
        answer.end(`<!doctype html><title>A site</title><iframe title="News" width="900" height="500" allow="autoplay; fullscreen" src="${server.url}/embed/${room.id}?chat"></iframe>`);
      });
      made.listen(port, "127.0.0.1", () => done(made));
    });
  const sites = [await site(friend), await site(stranger)];
  const context = await browser.newContext();
  try {
    publish(room);
    await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${friend}/`);
    const frame = page.frameLocator("iframe");
    await test.step("the code is asked inside the embed", async () => {
      await frame.getByLabel(/^access code/i).fill("4711");
      await frame.getByRole("button", { name: /^(continue|enter|watch)$/i }).click();
    });
    await test.step("it plays, and one can write", async () => {
      const frames = () => frame.locator("video").evaluate((v: HTMLVideoElement) => v.getVideoPlaybackQuality().totalVideoFrames);
      await expect.poll(frames, { timeout: 25_000 }).toBeGreaterThan(30);
      await frame.getByPlaceholder("Write a message").fill("Hello from elsewhere");
      await page.keyboard.press("Enter");
      await expect(frame.getByRole("log").getByText("Hello from elsewhere")).toBeVisible();
    });
    const other = await context.newPage();
    const refused = other.waitForEvent("console", (message) => /frame-ancestors/.test(message.text()));
    await other.goto(`http://127.0.0.1:${stranger}/`);
    await refused;
  } finally {
    await context.close();
    for (const one of sites) await new Promise((done) => one.close(done));
  }
});

test("a viewer's first load with the player stays under 250 kB", async ({ server, person, publish }) => {
  const room = await server.api.createRoom("live", "Evening News");
  publish(room);
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const page = await person();
  const loads: Promise<[string, number]>[] = [];
  page.on("response", (answer) => {
    const { pathname } = new URL(answer.url());
    if (!/^\/(assets|join)\//.test(pathname)) return;
    // Fonts are packed by themselves; everything else travels as gzip.
    loads.push(answer.body().then((body) => [pathname, /\.woff2$/.test(pathname) ? body.length : gzipSync(body).length]));
  });
  await enter(page, room.participant_url, { name: "Vi" });
  await expect.poll(() => page.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth), { timeout: 25_000 }).toBe(640);
  const sizes = await Promise.all(loads);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  console.log(`first load: ${(total / 1000).toFixed(1)} kB in ${sizes.length} files`);
  expect(total, sizes.map(([path, size]) => `${path} ${size}`).join("\n")).toBeLessThan(250_000);
  await expectAccessible(page);
});
