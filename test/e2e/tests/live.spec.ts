import { expectAccessible } from "../src/axe.ts";
import { codeField, enter, forward, leaveButton, nameField } from "../src/door.ts";
import { watch, type Watched } from "../src/media.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

test("a participant comes by the participant URL and its code, and sees and hears what an encoder sends", async ({ server, person, publish }) => {
  const room = await server.api.createRoom("live", "Evening News", { room_access_code: "4711", room_description: "What happened today." });
  const publisher = publish(room);
  await until("the broadcast is live", async () => (await server.api.stream(room.id)).state === "live");
  const page = await person();
  await enter(page, room.participant_url, { name: "Vi", code: "4711" });
  await expect(page.getByText("Evening News").first()).toBeVisible();
  await expect(page.locator("video")).toBeVisible();
  await expect
    .poll(() => page.locator("video").evaluate((v: HTMLVideoElement) => !v.paused && v.currentTime > 0 && v.videoWidth), { timeout: 20_000 })
    .toBe(640);
  let seen!: Watched;
  await expect(async () => {
    seen = await watch(page, 3_000);
    expect(seen.frames, "decoded frames in 3 s at 30 a second").toBeGreaterThan(60);
  }).toPass({ timeout: 20_000 });
  expect([seen.width, seen.height]).toEqual([640, 360]);
  expect(seen.changes, "pictures that differ").toBeGreaterThan(15);
  expect(seen.left[0], "red in the left half").toBeGreaterThan(200);
  expect(Math.max(seen.left[1], seen.left[2]), "no other colour there").toBeLessThan(60);
  expect(seen.loudness, "a tone").toBeGreaterThan(0.02);
  await expect.poll(async () => (await server.api.stream(room.id)).viewers).toBeGreaterThan(0);
  await expectAccessible(page);

  await test.step("the page says so when the encoder is gone, and goes on when it is back", async () => {
    await publisher.stop();
    await expect(page.getByText("The broadcaster's connection dropped")).toBeVisible({ timeout: 15_000 });
    publish(room);
    await expect(page.getByText("The broadcaster's connection dropped")).toBeHidden({ timeout: 20_000 });
    await expect(async () => expect((await watch(page, 1_000)).frames).toBeGreaterThan(15)).toPass({ timeout: 20_000 });
  });

  await leaveButton(page).click();
  await expect(page.getByText("You left")).toBeVisible();
});

test("the page of a broadcast that has not begun waits, and shows it when it begins", async ({ server, person, publish }) => {
  const room = await server.api.createRoom("live", "Not yet");
  const page = await person();
  await enter(page, room.participant_url, { name: "Early" });
  await expect(page.getByText("The broadcast has not begun")).toBeVisible();
  await expectAccessible(page);
  publish(room);
  await expect.poll(() => page.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth), { timeout: 25_000 }).toBe(640);
  await expect(async () => expect((await watch(page, 1_500)).frames).toBeGreaterThan(35)).toPass({ timeout: 20_000 });
});

test("the door refuses clearly, next to the field it is about", async ({ server, person }) => {
  const room = await server.api.createRoom("live", "With a code", { room_access_code: "4711" });
  const page = await person();
  await page.goto(room.participant_url);
  await expect(forward(page)).toBeVisible();
  if (await nameField(page).isVisible()) {
    await nameField(page).fill("Eve");
    if (!(await codeField(page).isVisible())) await forward(page).click();
  }
  await codeField(page).fill("0000");
  await forward(page).click();
  await expect(page.getByText("That code is not right.")).toBeVisible();
  await expect(codeField(page)).toHaveAttribute("aria-invalid", "true");
  await expect(codeField(page)).toBeFocused();
  await expectAccessible(page);
  await codeField(page).fill("4711");
  await forward(page).click();
  await expect(leaveButton(page)).toBeVisible();

  await test.step("an unknown link", async () => {
    await page.goto("/join/not-a-token-at-all");
    await expect(page.getByRole("heading", { name: "This link does not work" })).toBeVisible();
    await expectAccessible(page);
  });
  await test.step("a full room", async () => {
    const full = await server.api.createRoom("live", "Full", { limits: { max_participants: 1 } });
    await server.api.join({ token: full.participant_token });
    await page.goto(full.participant_url);
    await forward(page).click();
    await expect(page.getByText("This room is full").first()).toBeVisible();
  });
  await test.step("a room that begins later", async () => {
    const later = await server.api.createRoom("live", "Later", { starts_at: new Date(Date.now() + 3_600_000).toISOString() });
    await page.goto(later.participant_url);
    await expect(page.getByText("Begins in")).toBeVisible();
    await expectAccessible(page);
  });
});

test("the door is passed by keyboard alone", async ({ server, person }) => {
  const room = await server.api.createRoom("live", "By keyboard", { room_access_code: "4711" });
  const page = await person();
  await page.goto(room.participant_url);
  await expect(forward(page)).toBeVisible();
  const answers = new Map([
    [codeField(page), "4711"],
    [nameField(page), "Kay"],
  ]);
  for (let presses = 0; presses < 8 && answers.size > 0; presses++) {
    await page.keyboard.press("Tab");
    for (const [field, text] of answers) {
      if ((await field.and(page.locator(":focus")).count()) === 0) continue;
      await page.keyboard.type(text);
      answers.delete(field);
    }
  }
  expect(answers.size, "fields that Tab does not reach").toBe(0);
  await page.keyboard.press("Enter");
  await expect(leaveButton(page)).toBeVisible();
  // Everything that can be clicked can be reached, and shows that it has the focus.
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab");
    if (await leaveButton(page).and(page.locator(":focus")).count()) break;
  }
  await expect(leaveButton(page)).toBeFocused();
  const outline = await leaveButton(page).evaluate((button) => getComputedStyle(button).outlineStyle + getComputedStyle(button).boxShadow);
  expect(outline).not.toBe("nonenone");
  await page.keyboard.press("Enter");
  await expect(page.getByText("You left")).toBeVisible();
});
