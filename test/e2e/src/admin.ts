import { expect, type Page } from "@playwright/test";
import type { Server } from "./server.ts";

/** Logs in to the admin pages with the server's key. */
export async function logIn(page: Page, server: Server, path = "/admin"): Promise<void> {
  await page.goto(path);
  await page.getByLabel("Admin key").fill(server.adminKey);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("navigation", { name: "Admin pages" }).or(page.getByRole("button", { name: "Open the menu" })).first()).toBeVisible();
}
