import type { Page } from "@playwright/test";
import { expectAccessible } from "../src/axe.ts";
import { enter, leaveButton } from "../src/door.ts";
import { received } from "../src/media.ts";
import { expect, test } from "../src/test.ts";

/** Requires that pictures and sound really arrive: both counts rise. */
async function seesAndHears(page: Page, videos = 1): Promise<void> {
  await expect.poll(async () => (await received(page)).videos.length, { message: "videos decoded", timeout: 20_000 }).toBeGreaterThanOrEqual(videos);
  const before = await received(page);
  const frames = (r: typeof before) => r.videos.reduce((sum, v) => sum + v.framesDecoded, 0);
  await expect.poll(async () => frames(await received(page)) - frames(before), { message: "frames decoded", timeout: 15_000 }).toBeGreaterThan(20);
  await expect
    .poll(async () => (await received(page)).audioEnergy - before.audioEnergy, { message: "energy of the sound", timeout: 15_000 })
    .toBeGreaterThan(0);
  for (const video of (await received(page)).videos) expect(video.width).toBeGreaterThan(100);
}

test("two people meet, see and hear each other, and a moderator keeps order", async ({ server, person }) => {
  test.setTimeout(120_000);
  const room = await server.api.createRoom("meet", "Business Meeting", { participant_access_code: "1234" });
  const mo = await person();
  const ada = await person();
  await enter(mo, room.moderator_url, { name: "Mo" });
  await expect(mo.getByText("Nobody else is here yet")).toBeVisible();
  await enter(ada, room.participant_url, { name: "Ada", code: "1234" });

  await test.step("both see and hear the other", async () => {
    await seesAndHears(mo);
    await seesAndHears(ada);
    await expect(mo.getByText("Ada", { exact: true }).first()).toBeVisible();
    await expect(ada.getByText("Mo", { exact: true }).first()).toBeVisible();
    await expectAccessible(mo);
  });

  await test.step("they write to each other", async () => {
    for (const page of [mo, ada]) await page.getByRole("button", { name: /^Chat/ }).click();
    await mo.getByPlaceholder("Write a message").fill("Good morning, Ada");
    await mo.keyboard.press("Enter");
    await expect(ada.getByText("Good morning, Ada")).toBeVisible();
    await ada.getByPlaceholder("Write a message").fill("<b>Hello</b> & good morning");
    await ada.getByRole("button", { name: "Send" }).click();
    await expect(mo.getByText("<b>Hello</b> & good morning")).toBeVisible();
    await expectAccessible(ada);
    await ada.getByRole("button", { name: /^Chat/ }).click();
  });

  await test.step("a moderator mutes, and it holds on the server", async () => {
    await mo.getByRole("button", { name: /^People/ }).click();
    await expectAccessible(mo);
    await mo.getByRole("button", { name: "Actions for Ada" }).first().click();
    await mo.getByRole("menuitem", { name: "Mute" }).click();
    await expect(ada.getByText("A moderator muted you").first()).toBeVisible();
    await expect(ada.getByRole("button", { name: "Unmute the microphone" })).toBeVisible();
    await expect
      .poll(
        async () => {
          const before = (await received(mo)).audioEnergy;
          await mo.waitForFunction(() => new Promise((done) => setTimeout(() => done(true), 1_500)));
          return (await received(mo)).audioEnergy - before;
        },
        { message: "what Mo still hears of Ada", timeout: 20_000 },
      )
      .toBeLessThan(1e-6);
    await ada.getByRole("button", { name: "Unmute the microphone" }).click();
    await seesAndHears(mo);
  });

  await test.step("a screen is shared", async () => {
    await ada.getByRole("button", { name: "Share a screen" }).click();
    await expect(ada.getByRole("button", { name: "Stop sharing" }).first()).toBeVisible();
    await seesAndHears(mo, 2);
    await expect(mo.getByText("Ada's screen").first()).toBeVisible();
    await ada.getByRole("button", { name: "Stop sharing" }).first().click();
    await expect(mo.getByText("Ada's screen")).toHaveCount(0);
  });

  await test.step("a camera is turned off and on", async () => {
    await ada.getByRole("button", { name: "Turn the camera off" }).click();
    await ada.getByRole("button", { name: "Turn the camera on" }).click();
    await seesAndHears(mo);
  });

  await test.step("who is removed stays out", async () => {
    await mo.getByRole("button", { name: "Actions for Ada" }).first().click();
    await mo.getByRole("menuitem", { name: /^Remove/ }).click();
    await mo.getByRole("dialog").or(mo.getByRole("alertdialog")).getByRole("button", { name: "Remove" }).click();
    await expect(ada.getByText("You were removed").first()).toBeVisible();
    await expectAccessible(ada);
    await ada.goto(room.participant_url);
    await expect(async () => {
      const next = ada.getByRole("button", { name: /^(continue|enter|join now)$/i });
      for (const [label, text] of [[/your name/i, "Ada"], [/^access code/i, "1234"]] as const) {
        const field = ada.getByLabel(label);
        if ((await field.count()) > 0 && (await field.inputValue()) === "") await field.fill(text);
      }
      if (await next.isVisible()) await next.click();
      await expect(ada.getByText("You were removed from this room")).toBeVisible({ timeout: 1_000 });
    }).toPass({ timeout: 15_000 });
  });

  await test.step("leaving", async () => {
    await leaveButton(mo).click();
    await expect(mo.getByText("You left").first()).toBeVisible();
  });
});

test("a broken socket is mended: same seat, picture and sound go on", async ({ server, person, guard }) => {
  guard.allow(/WebSocket connection to/);
  const room = await server.api.createRoom("meet", "Bad network", { limits: { max_participants: 2 } });
  const mo = await person();
  const ada = await person();
  // The page's sockets go through here, so that they can be cut.
  const sockets: { close(options?: { code?: number }): Promise<void> }[] = [];
  await ada.routeWebSocket(/\/ws$/, (socket) => {
    socket.connectToServer();
    sockets.push(socket);
  });
  await enter(mo, room.participant_url, { name: "Mo" });
  await enter(ada, room.participant_url, { name: "Ada" });
  await seesAndHears(ada);
  const seats = async () => (await server.api.call<{ items: { id: string; name: string }[] }>("GET", `/api/v1/rooms/${room.id}/participants`)).items;
  const before = (await seats()).find((p) => p.name === "Ada")?.id;
  await sockets[0]?.close({ code: 4900 });
  await expect.poll(() => sockets.length, { message: "the page dials again", timeout: 15_000 }).toBeGreaterThan(1);
  await expect(ada.getByText("Connection lost. Coming back …")).toBeHidden({ timeout: 15_000 });
  await seesAndHears(ada);
  await seesAndHears(mo);
  const after = await seats();
  expect(after.map((p) => p.name).sort()).toEqual(["Ada", "Mo"]);
  expect(after.find((p) => p.name === "Ada")?.id).toBe(before);
});

test("a connection that cannot be saved is replaced once, and picture and sound go on", async ({ server, person }) => {
  const room = await server.api.createRoom("meet", "New connection");
  const mo = await person();
  const ada = await person();
  await enter(mo, room.participant_url, { name: "Mo" });
  await enter(ada, room.participant_url, { name: "Ada" });
  await seesAndHears(ada);
  const made = () => ada.evaluate(() => (window as unknown as { keptConnections: RTCPeerConnection[] }).keptConnections.length);
  const before = await made();
  // The answer to the next offer, which sharing a screen makes, cannot be taken.
  await ada.evaluate(() => {
    const connection = (window as unknown as { keptConnections: RTCPeerConnection[] }).keptConnections.at(-1);
    if (connection) connection.setRemoteDescription = () => Promise.reject(new Error("no"));
  });
  await ada.getByRole("button", { name: "Share a screen" }).click();
  await expect.poll(made, { message: "another connection is made", timeout: 10_000 }).toBe(before + 1);
  const frames = async () => Math.max(0, ...(await received(ada)).videos.map((v) => v.framesDecoded));
  await expect.poll(frames, { message: "frames decoded by the new connection", timeout: 30_000 }).toBeGreaterThan(100);
  await seesAndHears(mo);
  expect(await made()).toBe(before + 1);
});
