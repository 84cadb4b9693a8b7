import { expectAccessible } from "../src/axe.ts";
import { enter } from "../src/door.ts";
import { expect, test } from "../src/test.ts";

for (const [type, words] of [
  ["simulcast", "Sending one broadcast to many platforms comes in a later version"],
  ["video", "Watching videos comes in a later version"],
] as const) {
  test(`a ${type} room can be joined, and says what comes later`, async ({ server, person }) => {
    const room = await server.api.createRoom(type, `A ${type} room`);
    const page = await person();
    await enter(page, room.participant_url, { name: "Vi" });
    await expect(page.getByText(words)).toBeVisible();
    await expectAccessible(page);
  });
}

test("every page is answered with its security headers", async ({ server }) => {
  const room = await server.api.createRoom("live", "Headers", { room_features: { public: true } });
  for (const path of ["/admin", new URL(room.participant_url).pathname, `/rooms/${room.id}`, `/embed/${room.id}`]) {
    const page = await fetch(server.url + path);
    expect(page.status, path).toBe(200);
    const policy = page.headers.get("content-security-policy") ?? "";
    const scripts = /(?:^|;)\s*script-src ([^;]*)/.exec(policy)?.[1];
    expect(scripts, `${path}: no inline script, none from elsewhere`).toBe("'self'");
    expect(policy, path).toContain("frame-ancestors");
    expect(page.headers.get("x-content-type-options"), path).toBe("nosniff");
    if (!path.startsWith("/embed")) expect(policy, path).toContain("frame-ancestors 'none'");
    if (path.startsWith("/join")) {
      expect(page.headers.get("referrer-policy")).toBe("no-referrer");
      expect(page.headers.get("cache-control")).toContain("no-store");
    }
  }
});
