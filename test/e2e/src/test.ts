import { writeFile } from "node:fs/promises";
import { test as base, expect, type BrowserContextOptions, type Page } from "@playwright/test";
import { Guard } from "./guard.ts";
import { keepConnections } from "./media.ts";
import { Publisher } from "./publisher.ts";
import { Server } from "./server.ts";
import type { Room } from "./api.ts";

/** What a publisher is told after the room: picture, sound, options. */
type How = ConstructorParameters<typeof Publisher> extends [Room, ...infer Rest] ? Rest : never;

interface Fixtures {
  /** What pages may not do; looked at when the test is over. */
  guard: Guard;
  /** Opens a browser of its own for one more person. */
  person: (options?: BrowserContextOptions) => Promise<Page>;
  /** Starts an encoder for a room; it ends with the test. */
  publish: (room: Room, ...how: How) => Publisher;
}

/** Playwright's test with a running server, and people who come to it. */
export const test = base.extend<Fixtures, { server: Server }>({
  server: [
    // Playwright reads a fixture's needs from its first parameter.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.end();
    },
    { scope: "worker" },
  ],
  guard: async ({ server }, use, info) => {
    const guard = new Guard(server.url);
    const mark = server.output.length;
    await use(guard);
    expect.soft(guard.faults, "what no page may do").toEqual([]);
    if (info.status === info.expectedStatus) return;
    await writeFile(info.outputPath("server.txt"), server.output.slice(mark));
    await writeFile(info.outputPath("sockets.txt"), guard.frames.join("\n"));
  },
  person: async ({ browser, guard, server }, use) => {
    const contexts: { close(): Promise<void> }[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({
        baseURL: server.url,
        permissions: ["camera", "microphone", "clipboard-read", "clipboard-write"],
        ...options,
      });
      contexts.push(context);
      const page = await context.newPage();
      await keepConnections(page);
      guard.watch(page);
      return page;
    });
    for (const context of contexts) await context.close();
  },
  publish: async ({ browserName }, use) => {
    void browserName;
    const publishers: Publisher[] = [];
    await use((room, ...how) => {
      const publisher = new Publisher(room, ...how);
      publishers.push(publisher);
      return publisher;
    });
    for (const publisher of publishers) await publisher.stop();
  },
});

export { expect };
