import { logIn } from "../src/admin.ts";
import { enter, forward } from "../src/door.ts";
import { shoot } from "../src/shoot.ts";
import { expect, test } from "../src/test.ts";
import { until } from "../src/until.ts";

test("the doors, each in light and dark, wide and narrow", async ({ server, person }) => {
  test.setTimeout(120_000);
  const page = await person();
  const meet = await server.api.createRoom("meet", "Business Meeting", { participant_access_code: "1234", room_description: "Every Monday at nine." });
  await page.goto(meet.participant_url);
  await expect(forward(page)).toBeVisible();
  await shoot(page, "door-meet");
  const live = await server.api.createRoom("live", "Evening News", { room_features: { public: true }, room_description: "What happened today." });
  await page.goto(live.room_url ?? "");
  await expect(forward(page)).toBeVisible();
  await shoot(page, "door-live");
  const later = await server.api.createRoom("live", "Premiere", { starts_at: new Date(Date.now() + 90_000_000).toISOString() });
  await page.goto(later.participant_url);
  await expect(page.getByText("Begins in")).toBeVisible();
  await shoot(page, "door-countdown");
  await page.goto("/join/unknown");
  await expect(page.getByRole("heading", { name: "This link does not work" })).toBeVisible();
  await shoot(page, "door-unknown");
  await page.goto("/nowhere");
  await shoot(page, "not-found");
});

test("a meeting, each in light and dark, wide and narrow", async ({ server, person }) => {
  test.setTimeout(120_000);
  const room = await server.api.createRoom("meet", "Business Meeting");
  const [ada, mo] = [await person(), await person()];
  await enter(ada, room.participant_url, { name: "Ada Lovelace" });
  await mo.goto(room.moderator_url);
  await mo.getByLabel("Your name").fill("Grace Hopper");
  await forward(mo).click();
  await expect(mo.getByRole("button", { name: "Join now" })).toBeVisible();
  await shoot(mo, "meet-preview");
  await mo.getByRole("button", { name: "Join now" }).click();
  await expect.poll(() => mo.locator("video").evaluateAll((all) => (all as HTMLVideoElement[]).filter((v) => v.videoWidth > 0).length), { timeout: 20_000 }).toBeGreaterThan(1);
  await shoot(mo, "meet");
  await mo.setViewportSize({ width: 1440, height: 900 });
  await mo.getByRole("button", { name: /^Chat/ }).click();
  await mo.getByPlaceholder("Write a message").fill("Shall we begin?");
  await mo.keyboard.press("Enter");
  await expect(mo.getByText("Shall we begin?").first()).toBeVisible();
  await shoot(mo, "meet-chat");
});

test("a broadcast, each in light and dark, wide and narrow", async ({ server, person, publish }) => {
  test.setTimeout(120_000);
  const room = await server.api.createRoom("live", "Evening News", { room_description: "What happened today.", room_features: { public: true } });
  const page = await person();
  await enter(page, room.participant_url, { name: "Vi" });
  await expect(page.getByText("The broadcast has not begun")).toBeVisible();
  await shoot(page, "live-waiting");
  publish(room);
  await expect.poll(() => page.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth), { timeout: 25_000 }).toBe(640);
  await shoot(page, "live");
  const embed = await person();
  await embed.goto(`/embed/${room.id}`);
  await until("the embed shows something", async () => (await embed.locator("body").innerText()).trim() !== "" || (await embed.locator("video").count()) > 0);
  await shoot(embed, "embed");
});

test("the rooms whose media comes later, each in light and dark, wide and narrow", async ({ server, person }) => {
  test.setTimeout(120_000);
  const page = await person();
  for (const type of ["simulcast", "video"]) {
    const room = await server.api.createRoom(type, `A ${type} room`);
    await enter(page, room.participant_url, { name: "Vi" });
    await shoot(page, type);
  }
});

test("the admin pages, each in light and dark, wide and narrow", async ({ server, person, publish }) => {
  test.setTimeout(240_000);
  const customer = await server.api.call<{ id: string }>("POST", "/api/v1/customers", { name: "Northwind", external_id: "NW-1" });
  const plan = await server.api.call<{ id: string }>("POST", "/api/v1/subscriptions", { customer_id: customer.id, name: "Silver", limits: { max_participants: 100 } });
  const live = await server.api.createRoom("live", "Shareholder meeting", {
    subscription_id: plan.id,
    room_access_code: "4711",
    room_metadata: { external_billing_id: 123, region: "north" },
    room_description: "Quarterly figures.",
  });
  const meet = await server.api.createRoom("meet", "Daily", { moderator_access_code: "20263101" });
  publish(live);
  await server.api.join({ token: meet.participant_token, name: "Ada" });
  await until("the broadcast is live", async () => (await server.api.stream(live.id)).state === "live");
  const page = await person({ viewport: { width: 1440, height: 900 } });
  await page.goto("/admin");
  await expect(page.getByLabel("Admin key")).toBeVisible();
  await shoot(page, "admin-login");
  await page.setViewportSize({ width: 1440, height: 900 });
  await logIn(page, server);
  for (const [name, path, sign] of [
    ["admin-dashboard", "/admin", "Shareholder meeting"],
    ["admin-rooms", "/admin/rooms", "Shareholder meeting"],
    ["admin-room-live", `/admin/rooms/${live.id}`, "Stream key"],
    ["admin-room-meet", `/admin/rooms/${meet.id}`, "Inside now"],
    ["admin-customers", "/admin/customers", "Northwind"],
    ["admin-subscriptions", "/admin/subscriptions", "Silver"],
    ["admin-subscription", `/admin/subscriptions/${plan.id}`, "Silver"],
  ] as const) {
    await page.goto(path);
    await expect(page.getByText(sign).first()).toBeVisible();
    await shoot(page, name);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto("/admin/rooms");
  await page.getByRole("button", { name: "Add New Room" }).first().click();
  await expect(page.getByRole("dialog", { name: "Add a room" })).toBeVisible();
  await shoot(page, "admin-add-room");
  await page.goto(`/admin/rooms/${live.id}`);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole("button", { name: "Edit", exact: true }).first().click();
  await expect(page.getByRole("dialog", { name: "Edit room" })).toBeVisible();
  await shoot(page, "admin-edit-room");
  await page.goto("/api/docs");
  await shoot(page, "api-docs");
});
