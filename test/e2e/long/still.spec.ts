import { enter } from "../src/door.ts";
import { noteLooks, steadiness } from "../src/steadiness.ts";
import { expect, test } from "../src/test.ts";

declare global {
  interface Window {
    /** What is drawn on the shared screen: a colour that moves, or a last picture of one. */
    draw: (colour: string, moves: boolean) => void;
  }
}

const stillMs = 10_000;

test("a shared screen on which nothing moves any more goes on, with its sound, and shows what comes next", async ({ server, person }) => {
  const room = await server.api.createRoom("live", "A still screen");
  const moderator = await person();
  // Nothing at all comes of a canvas that nobody draws on: no capture sends less.
  await moderator.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [1280, 720];
      const pen = canvas.getContext("2d")!;
      let [timer, n] = [0, 0];
      window.draw = (colour, moves) => {
        window.clearInterval(timer);
        const once = () => {
          pen.fillStyle = colour;
          pen.fillRect(0, 0, 1280, 720);
          pen.fillStyle = "#fff";
          pen.fillRect((n++ * 8) % 1200, 500, 80, 80);
        };
        once();
        if (moves) timer = window.setInterval(once, 33);
      };
      window.draw("#d00", true);
      const context = new AudioContext();
      const [tone, out] = [context.createOscillator(), context.createMediaStreamDestination()];
      tone.connect(out);
      tone.start();
      return Promise.resolve(new MediaStream([...canvas.captureStream(30).getTracks(), ...out.stream.getTracks()]));
    };
  });
  await enter(moderator, room.moderator_url, { name: "Mo" });
  await moderator.getByRole("button", { name: "Go live from this browser" }).click();
  const studio = moderator.getByRole("region", { name: "Studio" });
  await studio.getByRole("button", { name: "Screen", exact: true }).click();
  await expect(studio.getByRole("button", { name: "Screen", exact: true })).toHaveAttribute("aria-pressed", "true");
  await studio.getByRole("button", { name: "Go live", exact: true }).click();
  await expect(studio.getByText("LIVE", { exact: true })).toBeVisible({ timeout: 20_000 });

  const viewer = await person();
  await enter(viewer, room.participant_url, { name: "Vi" });
  await expect.poll(() => viewer.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth), { timeout: 25_000 }).toBeGreaterThan(0);
  await noteLooks(viewer);
  const shows = (colour: string) => expect.poll(() => viewer.evaluate(() => window.looks.at(-1)?.colour), { timeout: 10_000, intervals: [50] }).toBe(colour);
  const clock = () => viewer.evaluate(() => performance.now());
  await shows("red");
  await viewer.waitForTimeout(2_000); // it has found its distance from the edge
  const from = await clock();
  await moderator.evaluate(() => window.draw("#00d", false));
  await shows("blue");
  const still = await clock();
  await viewer.waitForTimeout(stillMs);
  const moved = await clock();
  await moderator.evaluate(() => window.draw("#0b0", true));
  await shows("green");
  const late = (await clock()) - moved;
  await viewer.waitForTimeout(1_000);

  const all = await steadiness(viewer, from, await clock());
  const standing = await steadiness(viewer, still, moved);
  expect(standing.colours, "the last picture stays").toEqual(["blue"]);
  expect(all.lag, "ms that the picture stood or jumped").toBeLessThan(500);
  expect(all.hush, "ms without sound").toBeLessThan(500);
  expect(late, "ms until the next picture is seen").toBeLessThan(4_000);
});
