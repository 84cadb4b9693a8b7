import type { Locator, Page } from "@playwright/test";
import { logIn } from "../src/admin.ts";
import { expectAccessible } from "../src/axe.ts";
import type { Room } from "../src/api.ts";
import { expect, test } from "../src/test.ts";
import type { Server } from "../src/server.ts";

const types = { meet: "Meeting", live: "Live broadcast", simulcast: "Simulcast", video: "Video" } as const;

async function roomNamed(server: Server, name: string): Promise<Room> {
  const { items } = await server.api.call<{ items: Room[] }>("GET", `/api/v1/rooms?q=${encodeURIComponent(name)}`);
  expect(items, `rooms named ${name}`).toHaveLength(1);
  return items[0] as Room;
}

/** One of the cards of a room's page. */
const card = (page: Page, title: string): Locator => page.locator("section").filter({ has: page.getByRole("heading", { name: title, exact: true }) });

/** Fills and saves the form behind Add New Room. */
async function addRoom(page: Page, type: string, name: string, code: string): Promise<void> {
  await page.getByRole("button", { name: "Add New Room" }).first().click();
  const form = page.getByRole("dialog", { name: "Add a room" });
  await form.getByRole("radio", { name: type }).check({ force: true });
  await form.getByLabel("Name", { exact: true }).fill(name);
  await form.getByLabel(/^Description/).fill(`About ${name}`);
  await form.getByRole("textbox", { name: /^Room access code/ }).fill(code);
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`“${name}” is ready`)).toBeVisible();
}

test("a wrong key is refused, a right one opens, and is kept nowhere in the browser", async ({ server, person }) => {
  const page = await person();
  await page.goto("/admin");
  await expectAccessible(page);
  await page.getByLabel("Admin key").fill("not-the-key-but-long-enough");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByText("This key is not right.")).toBeVisible();
  await expect(page.getByLabel("Admin key")).toBeFocused();
  await logIn(page, server);
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie);
  expect(kept).not.toContain(server.adminKey);
  const [cookie] = await page.context().cookies();
  expect(cookie?.httpOnly).toBe(true);
  expect(cookie?.sameSite).toBe("Strict");
  expect(cookie?.value).not.toContain(server.adminKey);
  await page.reload();
  await expect(page.getByRole("navigation", { name: "Admin pages" })).toBeVisible();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByLabel("Admin key")).toBeVisible();
});

test("rooms of each type are added, found, filtered and opened", async ({ server, person }) => {
  const page = await person();
  await logIn(page, server, "/admin/rooms");
  for (const [type, label] of Object.entries(types)) {
    await page.goto("/admin/rooms");
    await addRoom(page, label, `Zebra ${type}`, "4711");
    const room = await roomNamed(server, `Zebra ${type}`);
    expect([room.room_type, room.room_access_code]).toEqual([type, "4711"]);
  }
  await page.goto("/admin/rooms");
  await expectAccessible(page);
  await page.getByRole("searchbox", { name: /^Search name/ }).fill("zebra");
  const rows = page.getByRole("row").filter({ has: page.getByRole("link") });
  await expect(rows).toHaveCount(4);
  await page.getByLabel("Type", { exact: true }).click();
  await page.getByRole("option", { name: "Simulcast" }).click();
  await expect(rows).toHaveCount(1);
  expect(page.url(), "filters stand in the address").toContain("simulcast");
  await page.getByRole("link", { name: "Zebra simulcast" }).click();
  await expect(page.getByRole("heading", { name: "Zebra simulcast" })).toBeVisible();
});

test("the API's refusals stand next to their fields", async ({ server, person }) => {
  const page = await person();
  await logIn(page, server, "/admin/rooms");
  await page.getByRole("button", { name: "Add New Room" }).first().click();
  const form = page.getByRole("dialog", { name: "Add a room" });
  await form.getByLabel("Name", { exact: true }).fill("Equal codes");
  await form.getByRole("textbox", { name: /^Moderator access code/ }).fill("4711");
  await form.getByRole("textbox", { name: /^Participant access code/ }).fill("4711");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByText(/must differ/).first()).toBeVisible();
  await expectAccessible(page);
});

test("a room is edited, its link regenerated with a warning, and deleted", async ({ server, person }) => {
  const room = await server.api.createRoom("live", "Walrus channel", { room_metadata: { external_billing_id: 123 } });
  const page = await person();
  await logIn(page, server, `/admin/rooms/${room.id}`);
  await expect(page.getByRole("heading", { name: "Walrus channel" })).toBeVisible();
  await expectAccessible(page);

  await test.step("its links and publishing address are there", async () => {
    await expect(page.getByLabel("Participant URL", { exact: true })).toHaveValue(room.participant_url);
    await page.getByRole("button", { name: "Copy participant URL" }).click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(room.participant_url);
    await page.getByRole("button", { name: "QR code: participant URL" }).click();
    await expect(page.getByRole("dialog").getByRole("img")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByLabel("RTMP server", { exact: true })).toHaveValue(room.ingest_urls?.rtmp?.url ?? "");
    await expect(page.getByLabel("Stream key", { exact: true })).not.toHaveValue(room.stream_key ?? "");
    await page.getByRole("button", { name: "Show stream key" }).click();
    await expect(page.getByLabel("Stream key", { exact: true })).toHaveValue(room.stream_key ?? "");
  });

  await test.step("editing what it is called, and a limit", async () => {
    await page.getByRole("button", { name: "Edit", exact: true }).first().click();
    const form = page.getByRole("dialog", { name: "Edit room" });
    await form.getByLabel("Name", { exact: true }).fill("Walrus television");
    await expectAccessible(page);
    await form.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { name: "Walrus television" })).toBeVisible();
    await card(page, "Limits").getByRole("button", { name: "Edit" }).click();
    const limits = page.getByRole("dialog", { name: "Limits" });
    await limits.getByLabel(/^Participants/).fill("12");
    await limits.getByRole("button", { name: "Save" }).click();
    await expect(limits).toBeHidden();
    expect((await server.api.room(room.id)).limits.max_participants).toBe(12);
  });

  await test.step("metadata as rows", async () => {
    await card(page, "Metadata").getByRole("button", { name: "Edit" }).click();
    const form = page.getByRole("dialog", { name: "Metadata" });
    await form.getByRole("button", { name: "Add a row" }).click();
    await form.getByRole("textbox", { name: "Key" }).last().fill("contract");
    await form.getByRole("textbox", { name: "Value" }).last().fill("W-77");
    await expectAccessible(page);
    await form.getByRole("button", { name: "Save" }).click();
    await expect(form).toBeHidden();
    expect((await server.api.room(room.id)).room_metadata).toEqual({ external_billing_id: 123, contract: "W-77" });
  });

  await test.step("regenerating warns, and the old link stops working", async () => {
    await page.getByRole("button", { name: "Regenerate the participant URL" }).click();
    const warning = page.getByRole("alertdialog").or(page.getByRole("dialog"));
    await expect(warning.getByText(/old link stops working at once/)).toBeVisible();
    await expectAccessible(page);
    await warning.getByRole("button", { name: "Regenerate" }).click();
    await expect(page.getByText("There is a new link")).toBeVisible();
    const now = await server.api.room(room.id);
    expect(now.participant_url).not.toBe(room.participant_url);
    await expect(page.getByLabel("Participant URL", { exact: true })).toHaveValue(now.participant_url);
    const old = await fetch(`${server.url}/api/v1/door`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: room.participant_token }),
    });
    expect(old.status).toBe(404);
  });

  await test.step("deleting asks once", async () => {
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: /^Delete/ }).click();
    const warning = page.getByRole("alertdialog").or(page.getByRole("dialog"));
    await expect(warning.getByText(/cannot be undone/)).toBeVisible();
    await warning.getByRole("button", { name: /^Delete/ }).click();
    await expect(page).toHaveURL(/\/admin\/rooms(\?|$)/);
    const answer = await fetch(`${server.url}/api/v1/rooms/${room.id}`, { headers: { authorization: `Bearer ${server.adminKey}` } });
    expect(answer.status).toBe(404);
  });
});

test("customers and subscriptions are kept, and their limits hold", async ({ server, person }) => {
  const page = await person();
  await logIn(page, server, "/admin/customers");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Add customer" }).first().click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Acme Media");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("“Acme Media” is added")).toBeVisible();
  await page.getByRole("link", { name: "Subscriptions", exact: true }).click();
  await page.getByRole("button", { name: "Add subscription" }).first().click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Name", { exact: true }).fill("Gold");
  await form.getByRole("textbox", { name: /^Participants(?! altogether)/ }).fill("25");
  await expectAccessible(page);
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Gold" })).toBeVisible();
  const { items } = await server.api.call<{ items: { name: string; limits: Record<string, number | null> }[] }>("GET", "/api/v1/subscriptions");
  expect(items.find((plan) => plan.name === "Gold")?.limits.max_participants).toBe(25);
});
