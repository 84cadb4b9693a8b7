import type { Page } from "@playwright/test";
import { expectAccessible } from "../src/axe.ts";
import { enter } from "../src/door.ts";
import { watch } from "../src/media.ts";
import { shoot } from "../src/shoot.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

const pictureWidth = (page: Page): Promise<number> => page.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth);

async function say(page: Page, text: string): Promise<void> {
  await page.getByPlaceholder("Write a message").fill(text);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("log").getByText(text)).toBeVisible();
}

test("a moderator sees the encoder, goes live, and ends the show", async ({ server, person, publish }) => {
  test.setTimeout(120_000);
  const room = await server.api.createRoom("live", "Evening News", { room_features: { preview_before_live: true } });
  const [mo, vi] = [await person(), await person()];
  await enter(mo, room.moderator_url, { name: "Mo" });
  await enter(vi, room.participant_url, { name: "Vi" });

  await test.step("where to send it", async () => {
    await expect(mo.getByText("Publishing addresses")).toBeVisible();
    await expect(mo.getByLabel("RTMP server", { exact: true })).toHaveValue(room.ingest_urls?.rtmp?.url ?? "");
    await mo.getByRole("button", { name: "Show Stream key" }).click();
    await expect(mo.getByLabel("Stream key", { exact: true })).toHaveValue(room.stream_key ?? "");
    await expectAccessible(mo);
  });

  await test.step("a preview that viewers do not see", async () => {
    publish(room);
    await expect(mo.getByRole("button", { name: "Go live", exact: true })).toBeVisible({ timeout: 20_000 });
    await expect(mo.getByText("What reaches us")).toBeVisible();
    await expect(mo.getByText(/H\.264, 640 × 360/)).toBeVisible();
    await expect(vi.getByText("The broadcast is about to begin")).toBeVisible();
    await expect.poll(() => pictureWidth(mo), { timeout: 25_000 }).toBe(640);
    await expect(async () => expect((await watch(mo, 1_000)).frames, "pictures of the preview").toBeGreaterThan(15)).toPass({ timeout: 20_000 });
    await expect(mo.getByText("Only moderators see this.")).toBeVisible();
    await expect(vi.locator("video")).toBeHidden();
    await shoot(mo, "live-preview");
    await mo.setViewportSize({ width: 1280, height: 800 });
  });

  await test.step("live", async () => {
    await mo.getByRole("button", { name: "Go live", exact: true }).click();
    await expect.poll(() => pictureWidth(vi), { timeout: 25_000 }).toBe(640);
    await expect(async () => expect((await watch(vi, 1_000)).frames).toBeGreaterThan(15)).toPass({ timeout: 20_000 });
    await expect.poll(() => pictureWidth(mo), { timeout: 25_000 }).toBe(640);
    await expect(mo.getByText(/On air for/)).toBeVisible();
    await expect(mo.getByText("Only moderators see this.")).toBeHidden();
    await expect(async () => expect((await watch(mo, 1_000)).frames, "pictures of the show").toBeGreaterThan(15)).toPass({ timeout: 20_000 });
  });

  await test.step("the end of the show keeps the encoder in preview", async () => {
    await mo.getByRole("button", { name: "End show" }).click();
    const question = mo.getByRole("alertdialog").or(mo.getByRole("dialog"));
    await expect(question).toContainText("Evening News");
    await question.getByRole("button", { name: "End show" }).click();
    await until("the show is over", async () => (await server.api.stream(room.id)).state === "preview");
    await expect(mo.getByRole("button", { name: "Go live", exact: true })).toBeVisible();
    await expect(vi.locator("video")).toBeHidden();
  });
});

test("a moderator keeps order in the chat", async ({ server, person }) => {
  const room = await server.api.createRoom("live", "Town Hall", { room_features: { slow_mode_seconds: 30 } });
  const [mo, vi, sam] = [await person(), await person(), await person()];
  await enter(mo, room.moderator_url, { name: "Mo" });
  await mo.getByRole("tab", { name: "Chat" }).click();
  await enter(vi, room.participant_url, { name: "Vi" });
  await enter(sam, room.participant_url, { name: "Sam" });

  await say(vi, "See https://example.com/ <b>now</b>");
  await test.step("links and markup are text", async () => {
    await expect(sam.getByRole("log").getByText("See https://example.com/ <b>now</b>")).toBeVisible();
    await expect(sam.getByRole("log").getByRole("link")).toHaveCount(0);
  });
  await test.step("slow mode counts down", async () => {
    await expect(vi.getByText(/you can write again in \d+ s/)).toBeVisible();
    await vi.getByPlaceholder("Write a message").fill("Too soon");
    await expect(vi.getByRole("button", { name: "Send" })).toBeDisabled();
  });

  const acts = async (who: string, act: string): Promise<void> => {
    await mo.getByRole("log").getByRole("button", { name: `What to do about ${who}'s message` }).first().click();
    await mo.getByRole("menuitem", { name: act }).click();
  };
  await test.step("pinned on top for everybody, who comes later too", async () => {
    await acts("Vi", "Pin for everybody");
    await expect(sam.getByText("pinned")).toBeVisible();
    const late = await person();
    await enter(late, room.participant_url, { name: "Late" });
    await expect(late.getByText("pinned")).toBeVisible();
    await expectAccessible(late);
  });
  await test.step("deleted for everybody, the pin too", async () => {
    await acts("Vi", "Delete message");
    await expect(sam.getByRole("log").getByText("See https://example.com/")).toHaveCount(0);
    await expect(sam.getByText("pinned")).toHaveCount(0);
  });
  await test.step("muted, and let again", async () => {
    await say(sam, "One");
    await acts("Sam", "Mute Sam in the chat");
    await expect(sam.getByText("A moderator has muted you in this chat.")).toBeVisible();
    await expect(sam.getByPlaceholder("Write a message")).toHaveCount(0);
    await acts("Sam", "Let Sam write again");
    await expect(sam.getByPlaceholder("Write a message")).toBeVisible();
  });
  await test.step("removed, after one question", async () => {
    await acts("Sam", "Remove Sam from the room …");
    const question = mo.getByRole("alertdialog").or(mo.getByRole("dialog"));
    await question.getByRole("button", { name: "Remove", exact: true }).click();
    await expect(sam.getByText("You were removed")).toBeVisible();
  });
  await expectAccessible(mo);
});
